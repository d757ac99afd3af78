import type { Writable } from "node:stream";
import { meaningOf } from "./codes.ts";
import type { Refusal } from "./refusal.ts";

/** A whole answer as data, so that equal questions that come together can share it. */
export type Answer = {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
};

/** An answer that is written while it is read from the database. */
export type StreamedAnswer = Omit<Answer, "body"> & {
  /** Writes all of it and ends `out`, or destroys `out`, so that the asker sees that the answer is cut. */
  readonly stream: (out: Writable) => Promise<void>;
};

export const jsonAnswer = (
  status: number,
  body: object,
  headers?: Readonly<Record<string, string>>,
): Answer => ({
  status,
  contentType: "application/json",
  ...(headers !== undefined && { headers }),
  body: JSON.stringify(body),
});

/** Returns a refusal as a problem document (RFC 9457). */
export function problemAnswer(
  { code, message, faults, headers }: Refusal,
  requestId: string,
): Answer {
  const { status, title, retryAfterSeconds, spreadSeconds = 0 } = meaningOf(code);
  // Randomized, so that those that were refused together do not retry together.
  const later = Math.floor(Math.random() * (spreadSeconds + 1));
  return {
    status,
    contentType: "application/problem+json",
    headers: {
      ...(retryAfterSeconds !== undefined && { "Retry-After": String(retryAfterSeconds + later) }),
      ...headers,
    },
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
