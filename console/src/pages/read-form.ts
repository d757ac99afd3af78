import type { IncomingMessage } from "node:http";
import { Refusal } from "../answers/refusal.ts";
import { receive } from "../http/read-body.ts";

/**
 * Reads a form, or what a program sends as one.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE
 */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = request.headers;
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type) || encoding !== "identity") {
    throw new Refusal(
      "UNSUPPORTED_MEDIA_TYPE",
      "send a form, with Content-Type: application/x-www-form-urlencoded and without Content-Encoding",
    );
  }
  return new URLSearchParams((await receive(request)).toString());
}
