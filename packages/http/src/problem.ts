import type { CodeMeaning } from "./codes.ts";
import type { HttpRefusal } from "./refusal.ts";

/** A problem document with its status and headers. */
export type ProblemAnswer = {
  readonly status: number;
  readonly contentType: "application/problem+json";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Returns a refusal as a problem document (RFC 9457). */
export function problemOf(
  refusal: HttpRefusal<string, object>,
  meaning: CodeMeaning,
  requestId: string,
): ProblemAnswer {
  const { code, message, faults } = refusal;
  const { status, title } = meaning;
  return {
    status,
    contentType: "application/problem+json",
    headers: { ...retryAfter(meaning), ...refusal.headers },
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
export function retryAfter({
  retryAfterSeconds,
  spreadSeconds = 0,
}: CodeMeaning): Record<string, string> {
  if (retryAfterSeconds === undefined) return {};
  const laterSeconds = Math.floor(Math.random() * (spreadSeconds + 1));
  return { "Retry-After": String(retryAfterSeconds + laterSeconds) };
}
