import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { setting } from "@fiberstream/runtime/settings";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import { z } from "zod";
import type { RunSql } from "./retention.ts";

/** ASCII, which every client sends unchanged: SCRAM would normalize other characters. */
const password = (variable: string, service: string) =>
  setting(
    variable,
    z
      .string()
      .regex(/^[\x21-\x7e]{12,}$/, "must be 12 printable ASCII characters or more")
      .optional(),
    `password with which ${service} logs in; not set: the account is not changed`,
  );

/** Settings for the passwords of the services' accounts in the database. */
export const accountSettings = () => ({
  fiberstream_gateway: password("GATEWAY_DATABASE_PASSWORD", "fiberstream_gateway"),
  fiberstream_processor: password("PROCESSOR_DATABASE_PASSWORD", "fiberstream_processor"),
  fiberstream_sink: password("SINK_DATABASE_PASSWORD", "fiberstream_sink"),
  fiberstream_console: password("CONSOLE_DATABASE_PASSWORD", "fiberstream_console"),
  fiberstream_auditor: password("AUDITOR_DATABASE_PASSWORD", "fiberstream_auditor"),
  fiberstream_reader: password("READER_DATABASE_PASSWORD", "fiberstream_reader"),
});

export type Passwords = Partial<ConfigOf<ReturnType<typeof accountSettings>>>;

const ACCOUNTS = Object.keys(accountSettings()) as (keyof Passwords)[];

/**
 * Allows the roles to log in whose passwords are given. The server gets only verifiers, so that its log of statements
 * contains no password.
 *
 * @returns a line for each change
 * @throws the errors of the server
 */
export async function setPasswords(run: RunSql, passwords: Passwords): Promise<string[]> {
  const given = ACCOUNTS.filter((account) => passwords[account] !== undefined);
  for (const account of given) {
    // Names and verifiers contain no character that needs quoting.
    await run(`ALTER ROLE ${account} LOGIN PASSWORD '${verifierOf(passwords[account] ?? "")}'`);
  }
  return given.map((account) => `${account} can log in; its password is set`);
}

const ROUNDS = 4_096;

/** Returns what PostgreSQL stores instead of a password (RFC 5802, section 3; in the format of pg_authid.rolpassword). */
function verifierOf(secret: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(secret, salt, ROUNDS, 32, "sha256");
  const keyOf = (label: string) => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  const serverKey = keyOf("Server Key").toString("base64");
  return `SCRAM-SHA-256$${ROUNDS}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
