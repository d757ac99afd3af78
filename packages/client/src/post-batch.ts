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

/** Sends a batch once and says what its answer means. Never throws. */
export async function postBatch(request: {
  target: URL;
  headers: Readonly<Record<string, string>>;
  body: string;
}): Promise<PostOutcome> {
  const { target, headers, body } = request;
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const response = await fetch(target, { method: "POST", headers, body, signal });
    return meaningOf(response, await response.text());
  } catch (error) {
    const message = `no answer: ${messageOf(causeOf(error))}`;
    return { kind: "again", afterMs: undefined, message, status: undefined, code: undefined };
  }
}

function meaningOf(response: Response, text: string): PostOutcome {
  const { status } = response;
  const answer = jsonOf(text);
  const { code, detail } = answer;
  const message = `${status} ${code ?? ""} ${detail ?? ""}`.trim();
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const afterMs = Number.isFinite(retryAfter) ? retryAfter * 1_000 : undefined;
  if (status === 202) {
    const { accepted = 0, retry = 0 } = answer.data ?? {};
    if (retry === 0) {
      const results = answer.results ?? [];
      const rejected = results.filter((one) => one.status === "rejected").map(rejectionOf);
      return { kind: "settled", result: { accepted, rejected } };
    }
    const what = `Kafka has not acknowledged ${retry} of the batch's events`;
    return { kind: "again", afterMs, message: what, status, code };
  }
  if (status >= 500 || AGAIN.has(status)) return { kind: "again", afterMs, message, status, code };
  // All events were rejected: the faults name their events. Else it is the request that is no good.
  const faults = answer.errors ?? [];
  if (faults.length > 0 && faults.every(({ index }) => index !== undefined)) {
    const firstOf = new Map(faults.toReversed().map((fault) => [fault.index, rejectionOf(fault)]));
    const rejected = [...firstOf.values()].toSorted((one, other) => one.index - other.index);
    return { kind: "settled", result: { accepted: 0, rejected } };
  }
  return { kind: "refused", message, status, code };
}

type Answer = {
  readonly code?: string;
  readonly detail?: string;
  readonly data?: { readonly accepted?: number; readonly retry?: number };
  readonly results?: readonly (Rejection & { readonly status: string })[];
  readonly errors?: readonly Rejection[];
};

function jsonOf(text: string): Answer {
  try {
    return JSON.parse(text) as Answer;
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
