import type { IncomingMessage } from "node:http";
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
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_MAX_BYTES) {
      throw new Refusal("PAYLOAD_TOO_LARGE", `a body may have at most ${BODY_MAX_BYTES} bytes`, {
        headers: { Connection: "close" },
      });
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new Refusal("MALFORMED_JSON", "the body is not JSON in UTF-8");
  }
}
