import { hash, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { createInterface } from "node:readline/promises";
import { withTimeout } from "@fiberstream/runtime/with-timeout";
import { z } from "zod";
import { type Console, consoleAt } from "./console-calls.ts";
import type { Credentials } from "./credentials-file.ts";
import { awaitLoopbackAnswer } from "./loopback-answer.ts";

/** As long as the console's page may be open. */
const MAX_WAIT_MS = 10 * 60 * 1_000;
const SECRET_BYTES = 32;

const GRANTED = z.object({
  data: z.object({ token: z.string(), token_id: z.string(), expires_at: z.iso.datetime() }),
});

/**
 * Signs in: a person allows it on the console's page in a browser, and the console gives this program a token for a
 * one-time code. Who sees the code cannot use it, because only this program has the secret that belongs to it.
 *
 * @param options.isPasted the browser runs on another machine: the page shows the code, and a person pastes it
 * @param options.say shows what the person has to do
 */
export async function logIn(options: {
  console: string;
  isPasted: boolean;
  say: (text: string) => void;
}): Promise<Credentials> {
  const { isPasted, say } = options;
  const console = consoleAt(options.console);
  const verifier = randomBytes(SECRET_BYTES).toString("base64url");
  const ask = isPasted ? askToPaste : awaitBrowser;
  const code = await ask({ console, challenge: hash("sha256", verifier, "base64url"), say });
  const { data } = await console.post("/api/v1/auth/fiber/token", { code, verifier }, GRANTED);
  return {
    console: console.origin,
    token: data.token,
    tokenId: data.token_id,
    expiresAt: data.expires_at,
  };
}

type Asking = { console: Console; challenge: string; say: (text: string) => void };

async function awaitBrowser({ console, challenge, say }: Asking): Promise<string> {
  const state = randomBytes(SECRET_BYTES).toString("base64url");
  const answer = await awaitLoopbackAnswer(state);
  try {
    say(
      `Open this page in your browser:\n\n  ${pageOf(console, { challenge, state, port: String(answer.port) })}\n\n`,
    );
    return await withTimeout(answer.code, { maxWaitMs: MAX_WAIT_MS, late });
  } finally {
    await answer.close();
  }
}

async function askToPaste({ console, challenge, say }: Asking): Promise<string> {
  say(`Open this page in your browser:\n\n  ${pageOf(console, { challenge })}\n\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const pasted = await withTimeout(terminal.question("Code that the page shows: "), {
      maxWaitMs: MAX_WAIT_MS,
      late,
    });
    return pasted.trim();
  } finally {
    terminal.close();
  }
}

const late = () => new Error("nobody allowed it within 10 minutes: run fiber login again");

const pageOf = ({ origin }: Console, parameters: Readonly<Record<string, string>>): string =>
  `${origin}/sign-in/fiber?${new URLSearchParams({ ...parameters, host: hostname() }).toString()}`;
