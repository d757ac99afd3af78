import { retryAfter } from "@fiberstream/http/problem";
import type { Answer } from "../answers/answer.ts";
import { meaningOf } from "../answers/codes.ts";
import type { Refusal } from "../answers/refusal.ts";
import { markup, page } from "./html.ts";

/** Returns a refusal as a page that says what happened and what a person can do. */
export function problemPage(refusal: Refusal, requestId: string): Answer {
  const { code, message, headers } = refusal;
  const { status, title } = meaningOf(code);
  return page({
    title,
    status,
    headers: { ...retryAfter(meaningOf(code)), ...headers },
    body: markup`<p role="alert">${sentence(message)}</p>
      <p><a class="button" href="/sign-in">Sign in</a></p>
      <p><small>Code ${code}, request ${requestId}</small></p>`,
  });
}

/** A refusal's message begins in lower case, as in a problem document. */
export const sentence = (message: string): string =>
  `${message.slice(0, 1).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;
