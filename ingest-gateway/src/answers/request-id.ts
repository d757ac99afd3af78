import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { LIMITS } from "./limits.ts";

/** The sender's X-Request-ID where it can be repeated in a header and a log line, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  const isUsable =
    typeof given === "string" &&
    given.length <= LIMITS.requestIdCharacters &&
    /^[\x21-\x7e]+$/.test(given);
  return isUsable ? given : randomUUID();
}
