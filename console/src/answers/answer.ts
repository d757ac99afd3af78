import { hash } from "node:crypto";
import type { Writable } from "node:stream";
import { type ProblemAnswer, problemOf } from "@fiberstream/http/problem";
import { meaningOf } from "./codes.ts";
import type { Refusal } from "./refusal.ts";

/** A whole answer as data, so that equal questions that come together can share it. */
export type Answer = {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Set-Cookie headers. */
  readonly cookies?: readonly string[];
  readonly body: string | Buffer;
  /** Has to be called when the asker has received the answer, or never will: until then it counts as memory. */
  readonly received?: () => void;
};

/** As bytes, all who get the answer share its memory; each connection would make its own of a text. */
export const inBytes = (answer: Answer): Answer & { readonly body: Buffer } => ({
  ...answer,
  body: typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body,
});

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

/** A page of rows that PostgreSQL has made JSON, so that numbers in metadata stay as they were sent. */
export const pageAnswer = (
  rows: readonly { readonly json: string }[],
  nextCursor: string | null,
): Answer => ({
  status: 200,
  contentType: "application/json",
  body: `{"data":[${rows.map(({ json }) => json).join()}],"meta":${JSON.stringify({ next_cursor: nextCursor })}}`,
});

/** Returns an answer as bytes with a strong ETag: of one that is given several times, both are made once. */
export function taggedAnswer(answer: Answer): Answer & { readonly body: Buffer } {
  const { body, headers } = answer;
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const tag = `"${hash("sha256", bytes, "base64url").slice(0, 27)}"`;
  return { ...answer, body: bytes, headers: { ETag: tag, ...headers } };
}

/** Returns a refusal as a problem document (RFC 9457). */
export const problemAnswer = (refusal: Refusal, requestId: string): ProblemAnswer =>
  problemOf(refusal, meaningOf(refusal.code), requestId);
