import { hash } from "node:crypto";
import canonicalize from "canonicalize";

/** What an entry of `audit_log` says, by the names of its columns. */
export type AuditColumns = {
  readonly seq: number;
  /** ISO 8601 in UTC, with microseconds. */
  readonly at: string;
  readonly tenant: string | null;
  readonly actor_kind: string;
  readonly actor: string;
  readonly database_role: string;
  readonly session: string | null;
  readonly address: string | null;
  readonly request_id: string | null;
  readonly action: string;
  readonly object_kind: string;
  readonly object: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly before: unknown;
  readonly after: unknown;
};

/** A row of `audit_log`. */
export type AuditRow = AuditColumns & {
  /** The exact bytes that the hash is over. */
  readonly entry: Buffer;
  readonly prev_hash: Buffer;
  readonly hash: Buffer;
};

/** Before the first entry. */
export const NO_HASH = Buffer.alloc(32);

const LEAF = Buffer.of(0);

/** Returns SHA-256(0x00 ‖ hash of the entry before ‖ entry). */
export const hashOf = ({ prev_hash, entry }: Pick<AuditRow, "prev_hash" | "entry">): Buffer =>
  hash("sha256", Buffer.concat([LEAF, prev_hash, entry]), "buffer");

/**
 * Returns the text that an entry has when it says what its columns say: JSON by RFC 8785, of version 1. The members are in their order
 * already; sorting them for each of a million entries would take most of the time.
 */
export function entryTextOf(row: AuditColumns): string {
  const member = (name: keyof AuditColumns) => `"${name}":${JSON.stringify(row[name])}`;
  const value = (name: "before" | "after") =>
    `"${name}":${row[name] === null ? "null" : canonicalText(row[name])}`;
  return (
    `{${member("action")},${member("actor")},${member("actor_kind")},${member("address")},${value("after")},` +
    `${member("at")},${value("before")},${member("database_role")},${member("object")},${member("object_kind")},` +
    `${member("outcome")},${member("reason")},${member("request_id")},${member("seq")},${member("session")},` +
    `${member("tenant")},"v":1}`
  );
}

/** @throws {Error} for what JSON cannot express */
export function canonicalText(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Error("the value cannot be written as JSON");
  return text;
}
