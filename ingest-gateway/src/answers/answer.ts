import {
  type ProblemAnswer,
  problemOf,
  retryAfter as retryAfterOf,
} from "@fiberstream/http/problem";
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
export const problemAnswer = (refusal: Refusal, requestId: string): ProblemAnswer =>
  problemOf(refusal, meaningOf(refusal.code), requestId);

/** Returns Retry-After for the codes after which a retry makes sense. */
export const retryAfter = (code: Code): Record<string, string> => retryAfterOf(meaningOf(code));
