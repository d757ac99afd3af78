import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from "node:zlib";
import { Refusal } from "../answers/refusal.ts";

export type BodyEncoding = {
  readonly name: string;
  /** Begins to decompress one stream. */
  readonly open: () => Unpacking;
  /** Whether further streams may follow: the frames of zstd. zlib itself reads the members of gzip. */
  readonly hasFrames: boolean;
  /**
   * Returns the memory that decompression uses beside the body, after so many bytes of body: tables and buffers, and a
   * copy of the body up to the window size.
   */
  readonly heldBytes: (unpackedBytes: number) => number;
};

/** `bytesWritten`: how much of its input it has decompressed. */
export type Unpacking = Transform & { readonly bytesWritten: number };

/** Larger chunks than zlib's 16 KB mean fewer calls of the thread pool: a batch's body has about 3 MB. */
const options = { chunkSize: 64 * 1024 };
/** RFC 9659: a receiver need not support windows above 8 MB. */
const zstdOptions = { ...options, params: { [constants.ZSTD_d_windowLogMax]: 23 } };

// Measured as RSS of 200 open streams: gzip 120 KB; brotli 100 to 740 KB, depending on the stream's tables; zstd has a
// context of 160 KB and buffers.
const KB = 1024;
const MB = 1024 * KB;
const holds = (ownBytes: number, windowBytes: number) => (unpackedBytes: number) =>
  ownBytes + Math.min(unpackedBytes, windowBytes);

const gzip = { open: () => createGunzip(options), hasFrames: false, heldBytes: holds(128 * KB, 0) };

const ENCODINGS: readonly BodyEncoding[] = [
  { name: "gzip", ...gzip },
  { name: "x-gzip", ...gzip },
  {
    name: "br",
    open: () => createBrotliDecompress(options),
    hasFrames: false,
    heldBytes: holds(768 * KB, 16 * MB),
  },
  {
    name: "zstd",
    open: () => createZstdDecompress(zstdOptions),
    hasFrames: true,
    heldBytes: holds(384 * KB, 8 * MB),
  },
  { name: "deflate", ...gzip, open: () => createInflate(options) },
];
const BY_NAME: ReadonlyMap<string, BodyEncoding> = new Map(
  ENCODINGS.map((encoding) => [encoding.name, encoding]),
);

/**
 * Returns how the body is compressed; undefined if it is not.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE for other encodings, and for several encodings
 */
export function bodyEncodingOf(request: IncomingMessage): BodyEncoding | undefined {
  const encoding = request.headers["content-encoding"]?.toLowerCase();
  if (encoding === undefined || encoding === "identity") return undefined;
  const known = BY_NAME.get(encoding);
  if (known !== undefined) return known;
  const detail = "Content-Encoding must be one of gzip, br, zstd, deflate, or left out";
  // RFC 9110, section 12.5.3: the header has the supported encodings.
  throw new Refusal("UNSUPPORTED_MEDIA_TYPE", detail, {
    headers: { "Accept-Encoding": "gzip, br, zstd, deflate" },
  });
}
