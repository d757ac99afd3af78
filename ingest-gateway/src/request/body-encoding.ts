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
  /** Begins to unpack one compressed stream. */
  readonly open: () => Unpacking;
  /** Whether another one may follow its end: the frames of zstd. The members of gzip are read by zlib itself. */
  readonly hasFrames: boolean;
  /**
   * Memory that unpacking holds beside the body, once so many bytes of that are there: tables and buffers, and
   * what was unpacked once more, up to the window.
   */
  readonly heldBytes: (unpackedBytes: number) => number;
};

/** `bytesWritten`: how much of what it was given it has unpacked. */
export type Unpacking = Transform & { readonly bytesWritten: number };

/** Bigger pieces than zlib's own 16 KB mean fewer trips to the thread pool: a batch's body has about 3 MB. */
const options = { chunkSize: 64 * 1024 };
/** RFC 9659: more than 8 MB of window no receiver has to give. */
const zstdOptions = { ...options, params: { [constants.ZSTD_d_windowLogMax]: 23 } };

// Measured as RSS of 200 that had begun: gzip 120 KB; brotli 100 to 740 KB, as its stream's tables ask for; zstd has
// a context of 160 KB and buffers beside that.
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
 * How the body is compressed, or undefined when it is not.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE for other encodings, and for several on top of each other
 */
export function bodyEncodingOf(request: IncomingMessage): BodyEncoding | undefined {
  const encoding = request.headers["content-encoding"]?.toLowerCase();
  if (encoding === undefined || encoding === "identity") return undefined;
  const known = BY_NAME.get(encoding);
  if (known !== undefined) return known;
  const detail = "Content-Encoding must be one of gzip, br, zstd, deflate, or left out";
  // RFC 9110, section 12.5.3: tells the sender what would have been read.
  throw new Refusal("UNSUPPORTED_MEDIA_TYPE", detail, {
    headers: { "Accept-Encoding": "gzip, br, zstd, deflate" },
  });
}
