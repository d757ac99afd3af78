import type { ServerResponse } from "node:http";
import type { Lease } from "../admission/in-flight-budget.ts";

/** Up to so many bytes an answer counts as part of its connection, as its headers do. Most have less than 1 KB. */
const SMALL_ANSWER_BYTES = 4 * 1024;

/**
 * Keeps a request's lease for its answer until the sender has received it: the answer for 10,000 rejected events has
 * 0.5 MB, and a sender that does not read keeps it in memory until `REQUEST_TIMEOUT_MS` has passed.
 *
 * @throws {Refusal} OVERLOADED, RATE_LIMITED when the budget has no room for the answer
 */
export function holdForAnswer(
  lease: Lease,
  { body }: { readonly body: string },
  response: ServerResponse,
): void {
  if (body.length <= SMALL_ANSWER_BYTES || response.destroyed) return lease.release();
  try {
    lease.hold(Buffer.byteLength(body));
  } catch (error) {
    lease.release();
    throw error;
  }
  response.once("close", lease.release);
}
