import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "../answers/refusal.ts";

/** Returns whether the sender waits for "100 Continue" before it sends its body. HTTP/1.0 has none (RFC 9110, section 10.1.1). */
export const isBodyAwaited = ({ headers, httpVersion, complete }: IncomingMessage): boolean =>
  headers.expect !== undefined && httpVersion !== "1.0" && !complete;

/**
 * @returns a function that sends "100 Continue" to a sender that waits for it
 * @throws {Refusal} EXPECTATION_FAILED when it expects anything else
 */
export function bodyRequestFor(request: IncomingMessage, response: ServerResponse): () => void {
  const { expect } = request.headers;
  if (expect === undefined || request.httpVersion === "1.0") return askForNothing;
  if (expect.toLowerCase() === "100-continue") return () => response.writeContinue();
  throw new Refusal("EXPECTATION_FAILED", "Expect must be 100-continue, or left out");
}

const askForNothing = () => undefined;
