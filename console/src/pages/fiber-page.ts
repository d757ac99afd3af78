import { z } from "zod";
import type { Answer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import { markup, page } from "./html.ts";

/** What `fiber login` asks for. */
export type FiberRequest = z.output<typeof FIBER_REQUEST>;

const FIBER_REQUEST = z.object({
  /** SHA-256 of the secret that only the program has, as base64url. */
  challenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** The program's name of its machine: a claim that nobody checks. */
  host: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .catch("an unnamed machine"),
  /** Where the program listens on the machine of the browser; without it the page shows the code. */
  port: z
    .string()
    .regex(/^[1-9]\d{0,4}$/)
    .transform(Number)
    .refine((port) => port >= 1_024 && port <= 65_535)
    .optional(),
  state: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,100}$/)
    .optional(),
});

/** @throws {Refusal} INVALID_PARAMETER */
export function fiberRequestIn(parameters: URLSearchParams): FiberRequest {
  const result = FIBER_REQUEST.safeParse(Object.fromEntries(parameters));
  if (result.success) return result.data;
  throw new Refusal("INVALID_PARAMETER", "this link is not one of fiber login: run it again");
}

export const loopbackOrigin = (port: number): string => `http://127.0.0.1:${port}`;

/** Returns the page that asks a person whether a program may act for them. */
export function allowFiberPage(name: string, request: FiberRequest): Answer {
  const { challenge, host, port, state } = request;
  const fields = {
    challenge,
    host,
    ...(port !== undefined && { port: String(port) }),
    ...(state !== undefined && { state }),
  };
  return page({
    title: "Let fiber act for you?",
    ...(port !== undefined && { formTargets: [loopbackOrigin(port)] }),
    body: markup`<p>
        The command line <strong>fiber</strong>, which says that it runs on
        <strong>${host}</strong>, asks for a token with which it may do what you,
        <strong id="name">${name}</strong>, may do.
      </p>
      <p role="alert">
        Allow it only if you have started <code>fiber login</code> yourself a moment ago.
      </p>
      <form method="post" action="/sign-in/fiber">
        ${Object.entries(fields).map(([field, value]) => markup`<input type="hidden" name="${field}" value="${value}" />`)}
        <button>Allow</button> <a class="button" href="/account">Do not allow</a>
      </form>`,
  });
}

/** Returns the page with the code that a person pastes into the terminal. */
export const codePage = (code: string): Answer =>
  page({
    title: "Code for fiber",
    body: markup`<p>
        Paste it into the terminal in which <code>fiber login</code> waits, within a minute:
      </p>
      <p><code id="code">${code}</code></p>`,
  });
