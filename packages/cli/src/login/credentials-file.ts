import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

/** The console that a person has signed in at, and their personal token. */
export type Credentials = z.output<typeof CREDENTIALS>;

const CREDENTIALS = z.object({
  console: z.url({ protocol: /^https?$/ }),
  token: z.string().min(1),
  tokenId: z.string().min(1),
  expiresAt: z.iso.datetime(),
});

/**
 * @returns undefined if nobody is signed in
 * @throws for a file that cannot be read, or is of another form
 */
export function readCredentials(path: string): Credentials | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const result = CREDENTIALS.safeParse(parsed(text));
  if (result.success) return result.data;
  throw new Error(`${path} is not a file of \`fiber login\`: delete it, and sign in again`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Replaces the file whole. Only its owner may read it, from its first byte on. */
export function writeCredentials(path: string, credentials: Credentials): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const writing = `${path}.${randomUUID()}`;
  try {
    writeFileSync(writing, `${JSON.stringify(credentials, null, 2)}\n`, {
      mode: 0o600,
      flag: "wx",
    });
    renameSync(writing, path);
  } finally {
    rmSync(writing, { force: true });
  }
}

export const deleteCredentials = (path: string): void => rmSync(path, { force: true });
