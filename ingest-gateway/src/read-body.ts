import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { messageOf } from "@fiberstream/runtime/errors";
import { decoderFor } from "./body-encoding.ts";
import type { Lease } from "./in-flight-budget.ts";
import { Refusal } from "./refusal.ts";

/** The connection has ended before the request has. */
export class SenderGoneError extends Error {
  override readonly name = "SenderGoneError";
}

/**
 * The whole body, decompressed. Its size is checked by Content-Length before anything is read, and
 * piece by piece while it is read or decompressed.
 *
 * @param options.askForBody tells a sender that waits for a "100 Continue" to go on
 * @throws {Refusal} PAYLOAD_TOO_LARGE, OVERLOADED, UNSUPPORTED_MEDIA_TYPE, BAD_ENCODING;
 *   the request's own error when the sender has gone
 */
export async function readBody(
  request: IncomingMessage,
  options: { limitBytes: number; lease: Lease; askForBody: () => void },
): Promise<Buffer> {
  const { limitBytes, lease } = options;
  // One that has gone before we listen tells of no error any more.
  if (request.destroyed) throw new SenderGoneError("the sender has gone");
  const declaredBytes = Number(request.headers["content-length"] ?? 0);
  if (declaredBytes > limitBytes) throw tooLarge(limitBytes);
  const decoder = decoderFor(request);
  lease.growTo(declaredBytes);
  options.askForBody();
  if (decoder === undefined) return collect(request, limitBytes, lease);

  request.pipe(decoder);
  // A pipe does not pass errors on: without this a sender that has gone would leave us waiting.
  const onGone = (error: Error) => decoder.destroy(error);
  request.once("error", onGone);
  try {
    return await collect(decoder, limitBytes, lease);
  } catch (error) {
    if (error instanceof Refusal || request.errored) throw error;
    throw new Refusal(
      "BAD_ENCODING",
      `the body is not ${request.headers["content-encoding"] ?? "encoded"} as its Content-Encoding says: ${messageOf(error)}`,
    );
  } finally {
    request.off("error", onGone);
    request.unpipe(decoder);
    decoder.destroy();
    // What is left of a refused body is read and dropped, so that the sender comes to read the answer.
    request.resume();
  }
}

function collect(source: Readable, limitBytes: number, lease: Lease): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const onData = (piece: Buffer) => {
      bytes += piece.length;
      try {
        if (bytes > limitBytes) throw tooLarge(limitBytes);
        lease.growTo(bytes);
        pieces.push(piece);
      } catch (refusal) {
        source.off("data", onData);
        reject(refusal);
      }
    };
    source.on("data", onData);
    source.once("error", reject);
    source.once("end", () => {
      const [first] = pieces;
      resolve(pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, bytes));
    });
  });
}

const tooLarge = (limitBytes: number): Refusal =>
  new Refusal(
    "PAYLOAD_TOO_LARGE",
    `the body must be at most ${limitBytes} bytes after decompression: send fewer events or less metadata`,
  );
