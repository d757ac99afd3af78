import { type Code, meaningOf } from "./codes.ts";
import type { Refusal } from "./refusal.ts";

/** An answer as data, so that it can be stored and sent again byte for byte. */
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

/** Returns the answer with more headers; its own headers take precedence. */
export const withHeaders = (
  answer: Answer,
  headers: Readonly<Record<string, string>> | undefined,
): Answer =>
  headers === undefined ? answer : { ...answer, headers: { ...headers, ...answer.headers } };

/** Returns a refusal as a problem document (RFC 9457). */
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
 * Returns Retry-After for the codes after which a retry makes sense. Randomized, so that senders that were refused
 * together do not retry together.
 */
export function retryAfter(code: Code): Record<string, string> {
  const { retryAfterSeconds, spreadSeconds = 0 } = meaningOf(code);
  if (retryAfterSeconds === undefined) return {};
  const laterSeconds = Math.floor(Math.random() * (spreadSeconds + 1));
  return { "Retry-After": String(retryAfterSeconds + laterSeconds) };
}
