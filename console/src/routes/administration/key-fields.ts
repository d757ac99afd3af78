import { z } from "zod";
import { versionOf } from "../../administration/versions.ts";
import { isoText } from "../../questions/statement.ts";

const time = z.string().nullable();

/** A key of senders, without its secret. */
export const keySchema = z.object({
  key_id: z.string(),
  tenant: z.string(),
  node_pattern: z.string().describe("One node id, or a prefix and *."),
  rate_per_second: z.number().describe("Events that its bucket gains each second."),
  burst: z.number().describe("Events that its bucket holds."),
  max_nodes: z.number().int().describe("How many nodes it may report for within 30 days."),
  requires_signature: z.boolean(),
  jwt_subject: z
    .string()
    .nullable()
    .describe("It has no secret: it is for JWTs with this subject."),
  note: z.string().nullable(),
  created_at: z.string(),
  expires_at: time.describe("null: never."),
  revoked_at: time,
  last_used_at: time.describe("To about a minute; null: not since this is recorded."),
  version: z.string().describe("Of what can be changed; PATCH needs it in If-Match."),
});
export type Key = z.output<typeof keySchema>;

/** A key of readers of this API, without its secret. */
export const readerKeySchema = z.object({
  key_id: z.string(),
  tenant: z.string().nullable().describe("Whose data it may read; null: of all tenants."),
  may_change_nodes: z.boolean(),
  may_redrive: z.boolean(),
  rate_per_second: z.number().nullable().describe("Cost; null: as the console's settings say."),
  burst: z.number().nullable(),
  note: z.string().nullable(),
  created_at: z.string(),
  expires_at: time.describe("null: never."),
  revoked_at: time,
  last_used_at: time.describe("To about a minute; null: not since this is recorded."),
  version: z.string().describe("Of what can be changed; PATCH needs it in If-Match."),
});
export type ReaderKey = z.output<typeof readerKeySchema>;

/** JavaScript has no infinite date: infinity means never, as null does. */
const expiry = (table: string) =>
  `CASE WHEN isfinite(${table}.expires_at) THEN ${isoText(`${table}.expires_at`)}
        WHEN ${table}.expires_at < now() THEN '1970-01-01T00:00:00.000000Z' END AS expires_at`;

const fieldsOf = (table: "api_keys" | "reader_keys", names: readonly string[]) =>
  [
    ...names.map((name) => `${table}.${name}`),
    `${isoText(`${table}.created_at`)} AS created_at`,
    expiry(table),
    `${isoText(`${table}.revoked_at`)} AS revoked_at`,
    `${isoText("key_uses.last_used_at")} AS last_used_at`,
  ].join(", ");

/** What is selected from `api_keys LEFT JOIN key_uses`; `versioned` adds the rest. */
export const KEY_FIELDS = fieldsOf("api_keys", [
  "key_id",
  "tenant",
  "node_pattern",
  "rate_per_second",
  "burst",
  "max_nodes",
  "requires_signature",
  "jwt_subject",
  "note",
]);
export const READER_KEY_FIELDS = fieldsOf("reader_keys", [
  "key_id",
  "tenant",
  "may_change_nodes",
  "may_redrive",
  "rate_per_second",
  "burst",
  "note",
]);

/** Adds the version: of all but the last use, which changes by itself. */
export function versioned<Row extends { readonly last_used_at: string | null }>(
  row: Row,
): Row & { version: string } {
  return { ...row, version: versionOf({ ...row, last_used_at: null }) };
}
