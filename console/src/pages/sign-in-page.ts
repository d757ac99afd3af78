import { retryAfter } from "@fiberstream/http/problem";
import type { Answer } from "../answers/answer.ts";
import { meaningOf } from "../answers/codes.ts";
import type { Refusal } from "../answers/refusal.ts";
import { type Html, markup, page } from "./html.ts";
import { sentence } from "./problem-page.ts";

/** Returns the page on which people sign in with name and password, or at the provider. */
export function signInPage(options: {
  /** What the provider is called; undefined: there is none. */
  provider: string | undefined;
  returnPath: string;
  /** The name that was entered, when the page is shown again. */
  name?: string;
  refusal?: Refusal;
}): Answer {
  const { provider, returnPath, name = "", refusal } = options;
  const start = `/api/v1/auth/oidc/start?${new URLSearchParams({ return: returnPath }).toString()}`;
  return page({
    title: "Sign in",
    ...problemOf(refusal),
    body: markup`${alertOf(refusal)}
      ${provider === undefined ? undefined : markup`<p><a class="button" href="${start}">Sign in with ${provider}</a></p>`}
      <form method="post" action="/sign-in">
        <input type="hidden" name="return" value="${returnPath}" />
        <label>Name <input name="name" value="${name}" autocomplete="username" required maxlength="200" /></label>
        <label>Password <input name="password" type="password" autocomplete="current-password" required maxlength="1000" /></label>
        ${CODE}
        <button>Sign in</button>
      </form>`,
  });
}

const CODE = markup`<label>Code of your authenticator app, if you use one
  <input name="code" autocomplete="one-time-code" maxlength="40" /></label>`;

/**
 * Returns the page of a one-time link. The link is used by its button, so that a mail scanner that follows links does not use
 * it.
 */
export const linkPage = (token: string, refusal?: Refusal): Answer =>
  page({
    title: "Sign in with a one-time link",
    ...problemOf(refusal),
    body: markup`${alertOf(refusal)}
      <p>The link works once.</p>
      <form method="post" action="/sign-in/link">
        <input type="hidden" name="token" value="${token}" />
        ${CODE}
        <button>Sign in</button>
      </form>`,
  });

export const signedOutPage = (): Answer =>
  page({
    title: "Signed out",
    body: markup`<p>You are signed out of the console.</p>
      <p><a class="button" href="/sign-in">Sign in</a></p>`,
  });

const alertOf = (refusal: Refusal | undefined): Html | undefined =>
  refusal && markup`<p role="alert">${sentence(refusal.message)}</p>`;

function problemOf(refusal: Refusal | undefined) {
  if (refusal === undefined) return {};
  const meaning = meaningOf(refusal.code);
  return { status: meaning.status, headers: { ...retryAfter(meaning), ...refusal.headers } };
}
