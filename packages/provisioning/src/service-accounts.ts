import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { setting } from "@fiberstream/runtime/settings";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import { z } from "zod";
import type { RunSql } from "./retention.ts";

/** ASCII, which every client sends as it is: SCRAM would have other characters normalized first. */
const password = (variable: string, who: string) =>
  setting(
    variable,
    z
      .string()
      .regex(/^[\x21-\x7e]{12,}$/, "takes 12 printable characters or more")
      .optional(),
    `lets ${who} log in with this password; not set: leaves its account as it is`,
  );

/** The services' accounts in the database, by what their passwords are to be. */
export const accountSettings = () => ({
  fiberstream_gateway: password("GATEWAY_DATABASE_PASSWORD", "fiberstream_gateway"),
  fiberstream_processor: password("PROCESSOR_DATABASE_PASSWORD", "fiberstream_processor"),
  fiberstream_sink: password("SINK_DATABASE_PASSWORD", "fiberstream_sink"),
  fiberstream_reader: password("READER_DATABASE_PASSWORD", "fiberstream_reader"),
});

export type Passwords = Partial<ConfigOf<ReturnType<typeof accountSettings>>>;

const ACCOUNTS = Object.keys(accountSettings()) as (keyof Passwords)[];

/**
 * Lets the roles log in whose passwords are given. The server is told verifiers only, so that no password
 * is in its log of statements.
 * @returns what was done, a line each @throws what the server says, as it came
 */
export async function setPasswords(run: RunSql, passwords: Passwords): Promise<string[]> {
  const given = ACCOUNTS.filter((account) => passwords[account] !== undefined);
  for (const account of given) {
    // Names and verifiers have no character that would have to be quoted.
    await run(`ALTER ROLE ${account} LOGIN PASSWORD '${verifierOf(passwords[account] ?? "")}'`);
  }
  return given.map((account) => `${account} may log in, its password is set`);
}

const ROUNDS = 4_096;

/** What PostgreSQL keeps instead of a password (RFC 5802, 3; the form is that of pg_authid.rolpassword). */
function verifierOf(secret: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(secret, salt, ROUNDS, 32, "sha256");
  const keyOf = (label: string) => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  const serverKey = keyOf("Server Key").toString("base64");
  return `SCRAM-SHA-256$${ROUNDS}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
