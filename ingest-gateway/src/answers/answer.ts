import { type Code, meaningOf } from "./codes.ts";
import type { Refusal } from "./refusal.ts";

/** An answer as data, so that it can be kept and given again byte for byte. */
export type Answer = {
  readonly status: number;
  readonly contentType:
    "application/json" | "application/problem+json" | "text/html; charset=utf-8";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
};

export const jsonAnswer = (status: number, body: object): Answer => ({
  status,
  contentType: "application/json",
  body: JSON.stringify(body),
});

/** The same answer with more headers; those that it has stay. */
export const withHeaders = (
  answer: Answer,
  headers: Readonly<Record<string, string>> | undefined,
): Answer =>
  headers === undefined ? answer : { ...answer, headers: { ...headers, ...answer.headers } };

/** A refusal as a problem document (RFC 9457). */
export function problemAnswer(refusal: Refusal, requestId: string): Answer {
  const { code, message, faults } = refusal;
  const { status, title } = meaningOf(code);
  return {
    status,
    contentType: "application/problem+json",
    headers: { ...retryAfter(code), ...refusal.headers },
    body: JSON.stringify({
      type: `/docs#${code}`,
      title,
      status,
      detail: message,
      code,
      request_id: requestId,
      ...(faults.length > 0 && { errors: faults }),
    }),
  };
}

/**
 * The header that says when a new try makes sense, for the codes where one does. Spread at random: senders that
 * were refused together would else come back together.
 */
export function retryAfter(code: Code): Record<string, string> {
  const { retryAfterSeconds, spreadSeconds = 0 } = meaningOf(code);
  if (retryAfterSeconds === undefined) return {};
  const laterSeconds = Math.floor(Math.random() * (spreadSeconds + 1));
  return { "Retry-After": String(retryAfterSeconds + laterSeconds) };
}
