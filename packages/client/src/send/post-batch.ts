import { messageOf } from "@fiberstream/runtime/errors";
import type { Rejection, SendResult } from "./sender.ts";

export type PostOutcome =
  | { readonly kind: "settled"; readonly result: SendResult }
  /** The batch may have been accepted, or may be later: retry it with the same X-Batch-ID. */
  | ({ readonly kind: "retry"; readonly afterMs: number | undefined } & Reason)
  | ({ readonly kind: "refused" } & Reason);

type Reason = {
  readonly message: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
};

const ANSWER_TIMEOUT_MS = 60_000;
/** Statuses to retry, in addition to every 5xx. */
const RETRYABLE = new Set([408, 409, 429]);

/**
 * Sends a batch once and returns what its answer means. Never throws.
 * @param request.count number of its events
 */
export async function postBatch(request: {
  target: URL;
  headers: Readonly<Record<string, string>>;
  body: string;
  count: number;
}): Promise<PostOutcome> {
  const { target, headers, body, count } = request;
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const response = await fetch(target, { method: "POST", headers, body, signal });
    return outcomeOf(response, await response.text(), count);
  } catch (error) {
    const message = `no answer: ${messageOf(causeOf(error))}`;
    return { kind: "retry", afterMs: undefined, message, status: undefined, code: undefined };
  }
}

function outcomeOf(response: Response, text: string, count: number): PostOutcome {
  const { status } = response;
  const answer = jsonOf(text);
  const { code, detail } = answer;
  const message = `${status} ${code ?? ""} ${detail ?? ""}`.trim();
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const afterMs = Number.isFinite(retryAfter) ? retryAfter * 1_000 : undefined;
  if (response.ok) {
    const counts = countsOf(answer, count);
    // The answer of a proxy that queues, or of a login page: the gateway may not have received the batch.
    const reason =
      counts === undefined
        ? `${status}, but the answer is not that of a gateway about ${count} events`
        : `Kafka has not acknowledged ${counts.retry} of the batch's events`;
    if (counts === undefined || counts.retry > 0)
      return { kind: "retry", afterMs, message: reason, status, code };
    return { kind: "settled", result: counts };
  }
  if (status >= 500 || RETRYABLE.has(status))
    return { kind: "retry", afterMs, message, status, code };
  // If all events were rejected, each error names its event. Otherwise the request itself was rejected.
  const rejected = firstOfEach(answer.errors);
  if (rejected?.length === count) return { kind: "settled", result: { accepted: 0, rejected } };
  return { kind: "refused", message, status, code };
}

/** Returns the counts in a gateway's answer; undefined if they do not add up, so that the answer is not from a gateway. */
function countsOf(
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

/** Returns the first error of each event, in order; undefined if an error does not name its event. */
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

/** The fields of a gateway's answer. Their values are not trusted, because another server may have answered. */
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

/** Returns the cause of an error of fetch, whose own message is only "fetch failed". */
const causeOf = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? error.cause : error;
