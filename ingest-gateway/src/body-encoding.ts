import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from "node:zlib";
import { Refusal } from "./refusal.ts";

/** Bigger pieces than zlib's own 16 KB mean fewer trips to the thread pool: a batch's body has about 3 MB. */
const options = { chunkSize: 64 * 1024 };

const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ["gzip", () => createGunzip(options)],
  ["x-gzip", () => createGunzip(options)],
  ["br", () => createBrotliDecompress(options)],
  ["zstd", () => createZstdDecompress(options)],
  ["deflate", () => createInflate(options)],
]);

/**
 * A stream that undoes the body's Content-Encoding, or undefined when there is none.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE for other encodings, and for several on top of each other
 */
export function decoderFor(request: IncomingMessage): Transform | undefined {
  const encoding = request.headers["content-encoding"]?.toLowerCase();
  if (encoding === undefined || encoding === "identity") return undefined;
  const create = DECODERS.get(encoding);
  if (create === undefined) {
    const detail = "Content-Encoding must be one of gzip, br, zstd, deflate, or left out";
    // RFC 9110, section 12.5.3: tells the sender what would have been read.
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", detail, {
      headers: { "Accept-Encoding": "gzip, br, zstd, deflate" },
    });
  }
  return create();
}
