import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

export const REQUEST_ID_MAX_CHARACTERS = 128;

/** The sender's X-Request-ID where it can be repeated in a header and a log line, else a new one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, "headers">): string {
  const given = headers["x-request-id"];
  const isUsable =
    typeof given === "string" &&
    given.length <= REQUEST_ID_MAX_CHARACTERS &&
    /^[\x21-\x7e]+$/.test(given);
  return isUsable ? given : randomUUID();
}
