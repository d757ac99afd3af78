import { messageOf } from "@fiberstream/runtime/errors";
import type { Rejection, SendResult } from "./sender.ts";

export type PostOutcome =
  | { readonly kind: "settled"; readonly result: SendResult }
  /** It may be accepted later, or may have been: send it again with the same X-Batch-ID. */
  | ({ readonly kind: "again"; readonly afterMs: number | undefined } & Reason)
  | ({ readonly kind: "refused" } & Reason);

type Reason = {
  readonly message: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
};

const ANSWER_WITHIN_MS = 60_000;
/** Besides every 5xx. */
const AGAIN = new Set([408, 409, 429]);

/** Sends a batch once and says what its answer means. Never throws. @param request.count how many events it has */
export async function postBatch(request: {
  target: URL;
  headers: Readonly<Record<string, string>>;
  body: string;
  count: number;
}): Promise<PostOutcome> {
  const { target, headers, body, count } = request;
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const response = await fetch(target, { method: "POST", headers, body, signal });
    return meaningOf(response, await response.text(), count);
  } catch (error) {
    const message = `no answer: ${messageOf(causeOf(error))}`;
    return { kind: "again", afterMs: undefined, message, status: undefined, code: undefined };
  }
}

function meaningOf(response: Response, text: string, count: number): PostOutcome {
  const { status } = response;
  const answer = jsonOf(text);
  const { code, detail } = answer;
  const message = `${status} ${code ?? ""} ${detail ?? ""}`.trim();
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const afterMs = Number.isFinite(retryAfter) ? retryAfter * 1_000 : undefined;
  if (response.ok) {
    const taken = takenOf(answer, count);
    // A proxy that queues or a page to sign in: the gateway may not have seen the batch.
    const what =
      taken === undefined
        ? `${status}, but the answer is not a gateway's about ${count} events`
        : `Kafka has not acknowledged ${taken.retry} of the batch's events`;
    if (taken === undefined || taken.retry > 0)
      return { kind: "again", afterMs, message: what, status, code };
    return { kind: "settled", result: taken };
  }
  if (status >= 500 || AGAIN.has(status)) return { kind: "again", afterMs, message, status, code };
  // All events were rejected: the faults name their events. Else it is the request that is no good.
  const rejected = firstOfEach(answer.errors);
  if (rejected?.length === count) return { kind: "settled", result: { accepted: 0, rejected } };
  return { kind: "refused", message, status, code };
}

/** What a gateway says of a batch's events: each of them is counted once. undefined: it is no gateway that says it. */
function takenOf(
  { status, data, results }: Answer,
  count: number,
): (SendResult & { readonly retry: number }) | undefined {
  if (status !== "accepted" || !Array.isArray(results)) return undefined;
  const { accepted, rejected: refused, retry } = data ?? {};
  if (!isCount(accepted) || !isCount(refused) || !isCount(retry)) return undefined;
  const rejected = firstOfEach(results.filter(isRejected));
  const isWhole = accepted + refused + retry === count && rejected?.length === refused;
  return isWhole ? { accepted, rejected, retry } : undefined;
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0;

/** The first fault of each event, in the events' order. undefined when not all of them name their event. */
function firstOfEach(faults: unknown): Rejection[] | undefined {
  if (!Array.isArray(faults) || !faults.every(isRejection)) return undefined;
  const firstOf = new Map(faults.toReversed().map((fault) => [fault.index, rejectionOf(fault)]));
  return [...firstOf.values()].toSorted((one, other) => one.index - other.index);
}

const isRejected = (result: unknown): boolean =>
  typeof result === "object" &&
  result !== null &&
  "status" in result &&
  result.status === "rejected";

const isRejection = (fault: unknown): fault is Rejection =>
  typeof fault === "object" && fault !== null && "index" in fault && isCount(fault.index);

/** As a gateway makes it; whoever else answers may have put anything here. */
type Answer = {
  readonly status?: unknown;
  readonly code?: string;
  readonly detail?: string;
  readonly data?: Partial<Record<"accepted" | "rejected" | "retry", unknown>>;
  readonly results?: unknown;
  readonly errors?: unknown;
};

function jsonOf(text: string): Answer {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

const rejectionOf = ({ index, code, field, message }: Rejection): Rejection => ({
  index,
  code,
  ...(field !== undefined && { field }),
  ...(message !== undefined && { message }),
});

/** fetch says only "fetch failed"; why is in the cause. */
const causeOf = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? error.cause : error;
