import type { IncomingMessage } from "node:http";
import { MIN_BYTES_OF_PIECE, whenTooManyPieces } from "@fiberstream/http/bound-pieces";
import { Refusal } from "../answers/refusal.ts";

/** Larger than any node with all its tags, which are at most 16 kB. */
export const BODY_MAX_BYTES = 64 * 1024;

/**
 * Reads a JSON body.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, MALFORMED_JSON
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = request.headers;
  if (!/^application\/(?:json|merge-patch\+json)\s*(?:;|$)/i.test(type)) {
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", "send JSON, with Content-Type: application/json", {
      headers: { Accept: "application/json" },
    });
  }
  if (encoding.toLowerCase() !== "identity") {
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", "send the body without Content-Encoding", {
      headers: { "Accept-Encoding": "identity" },
    });
  }
  const bytes = await receive(request);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal("MALFORMED_JSON", "the body is not JSON in UTF-8");
  }
}

/** Copies all pieces into one buffer: each piece that is kept holds 0.5 KB, however small it is. */
export function receive(request: IncomingMessage): Promise<Buffer> {
  const body = Buffer.allocUnsafeSlow(BODY_MAX_BYTES);
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const settle = () =>
      request.off("data", onData).off("end", onEnd).off("error", fail).off("close", onClose);
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    const onData = (piece: Buffer) => {
      if (bytes + piece.length > BODY_MAX_BYTES) {
        return fail(tooLarge(`a body may have at most ${BODY_MAX_BYTES} bytes`));
      }
      bytes += piece.copy(body, bytes);
    };
    const onEnd = () => {
      settle();
      resolve(body.subarray(0, bytes));
    };
    const onClose = () => fail(new Refusal("MALFORMED_HTTP", "the body ended too early"));
    request.on("data", onData).on("end", onEnd).on("error", fail).on("close", onClose);
    whenTooManyPieces(request, () =>
      fail(
        tooLarge(`the chunks of a body must have at least ${MIN_BYTES_OF_PIECE} bytes on average`),
      ),
    );
  });
}

const tooLarge = (detail: string): Refusal =>
  new Refusal("PAYLOAD_TOO_LARGE", detail, { headers: { Connection: "close" } });
