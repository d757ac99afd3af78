import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  zstdDecompressSync,
} from "node:zlib";
import { Refusal } from "../answers/refusal.ts";

export type BodyEncoding = {
  readonly name: string;
  /** Begins to decompress one stream. */
  readonly open: () => Unpacking;
  /**
   * Decompresses the small frame that the bytes begin with, at once; undefined for a larger or a damaged one. Only where
   * further streams may follow: the frames of zstd. zlib itself reads the members of gzip.
   */
  readonly unpackFrame?: (bytes: Buffer) => UnpackedFrame | undefined;
  /**
   * Returns the memory that decompression uses beside the body, after so many bytes of body: tables and buffers, and a
   * copy of the body up to the window size.
   */
  readonly heldBytes: (unpackedBytes: number) => number;
};

/** `packedBytes`: the size of the compressed frame. */
export type UnpackedFrame = { readonly unpacked: Buffer; readonly packedBytes: number };

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

const gzip = { open: () => createGunzip(options), heldBytes: holds(128 * KB, 0) };

const ENCODINGS: readonly BodyEncoding[] = [
  { name: "gzip", ...gzip },
  { name: "x-gzip", ...gzip },
  {
    name: "br",
    open: () => createBrotliDecompress(options),
    heldBytes: holds(768 * KB, 16 * MB),
  },
  {
    name: "zstd",
    open: () => createZstdDecompress(zstdOptions),
    unpackFrame: unpackZstdFrame,
    heldBytes: holds(384 * KB, 8 * MB),
  },
  { name: "deflate", ...gzip, open: () => createInflate(options) },
];
const BY_NAME: ReadonlyMap<string, BodyEncoding> = new Map(
  ENCODINGS.map((encoding) => [encoding.name, encoding]),
);

/** Decompressing so much takes about 0.1 ms. */
const SMALL_FRAME_BYTES = 64 * KB;

function unpackZstdFrame(bytes: Buffer): UnpackedFrame | undefined {
  const limits = { chunkSize: 16 * KB, maxOutputLength: SMALL_FRAME_BYTES, info: true };
  try {
    const { buffer, engine } = zstdDecompressSync(bytes, {
      ...zstdOptions,
      ...limits,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    const packedBytes = engine.bytesWritten;
    return packedBytes === 0 ? undefined : { unpacked: buffer, packedBytes };
  } catch {
    return undefined;
  }
}

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
