import { type PgClient, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { versionedAnswer } from "../../administration/versions.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import type { Ask } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import { statement, type Statement } from "../../questions/statement.ts";
import type { TenantScope } from "../../access/scope.ts";
import { cursorParameter, nothing, wholeNumber } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { tenantName } from "./key-bodies.ts";
import {
  type Key,
  KEY_FIELDS,
  keySchema,
  type ReaderKey,
  READER_KEY_FIELDS,
  readerKeySchema,
  versioned,
} from "./key-fields.ts";

type Sources = { readonly ask: Ask; readonly cursors: Cursors };

/** The two kinds of keys: the same questions of two tables. */
const KINDS = {
  keys: {
    table: "api_keys",
    fields: KEY_FIELDS,
    schema: keySchema,
    // A pattern is within another one if it begins with its prefix, as node ids are.
    nodes: "api_keys.node_pattern",
    path: "/api/v1/keys",
    names: ["listKeys", "getKey"],
    types: ["Keys", "Key"],
    what: "key of senders",
  },
  readers: {
    table: "reader_keys",
    fields: READER_KEY_FIELDS,
    schema: readerKeySchema,
    nodes: undefined,
    path: "/api/v1/reader-keys",
    names: ["listReaderKeys", "getReaderKey"],
    types: ["ReaderKeys", "ReaderKey"],
    what: "reader key",
  },
} as const;
type Kind = keyof typeof KINDS;

/** `GET` of `/api/v1/keys` and `/api/v1/reader-keys`, and of one of each. */
export const readKeysRoutes = (sources: Sources): Route[] => [
  listKeys(sources, "keys"),
  oneKey(sources, "keys"),
  listKeys(sources, "readers"),
  oneKey(sources, "readers"),
];

export const keyPath = z.strictObject({ key_id: z.string().regex(/^[a-z0-9]{8,32}$/) });

const listKeys = ({ ask, cursors }: Sources, kind: Kind) => {
  const { table, fields, nodes, path, names, types, what, schema } = KINDS[kind];
  return route({
    method: "GET",
    path,
    operationId: names[0],
    summary: `Returns each ${what}, the newest first, without secrets`,
    permission: "keys:read",
    cost: 1,
    schemas: {
      path: nothing,
      query: z.strictObject({
        tenant: tenantName.optional(),
        revoked: z.enum(["true", "false"]).default("false").describe("true: revoked ones, too."),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 1_000, standard: 100 }),
      }),
    },
    success: {
      status: 200,
      name: types[0],
      schema: z.object({
        data: z.array(schema as z.ZodObject),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { cursor, limit, ...filter } }, { scope }) => {
      const question = JSON.stringify([path, filter]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Row>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            visible(`${table}.tenant`, nodes),
            ...(filter.tenant === undefined ? [] : [`${table}.tenant = ${value(filter.tenant)}`]),
            ...(filter.revoked === "true" ? [] : [`${table}.revoked_at IS NULL`]),
            ...(after === undefined
              ? []
              : [
                  `(${table}.created_at, ${table}.key_id) < (${value(after[0])}::timestamptz, ${value(after[1])})`,
                ]),
          ];
          return `SELECT ${fields} FROM ${table} LEFT JOIN key_uses USING (key_id)
                  WHERE ${conditions.join(" AND ")}
                  ORDER BY ${table}.created_at DESC, ${table}.key_id DESC LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const isMore = rows.length > limit && last !== undefined;
      return jsonAnswer(200, {
        data: page.map(versioned),
        meta: {
          next_cursor: isMore ? cursors.write(question, [last.created_at, last.key_id]) : null,
        },
      });
    },
  });
};

type Row = { key_id: string; created_at: string; last_used_at: string | null };

const oneKey = ({ ask }: Sources, kind: Kind) => {
  const { path, names, types, what, schema } = KINDS[kind];
  return route({
    method: "GET",
    path: `${path}/{key_id}`,
    operationId: names[1],
    summary: `Returns one ${what}, without its secret`,
    permission: "keys:read",
    cost: 1,
    schemas: { path: keyPath, query: nothing },
    success: { status: 200, name: types[1], schema: z.object({ data: schema as z.ZodObject }) },
    codes: ["NO_SUCH_OBJECT"],
    answer: async ({ path: { key_id: id } }, { scope }) => {
      const [row] = await ask<Row>(oneStatement(kind, scope, id));
      if (row === undefined) throw noSuchKey();
      return versionedAnswer(200, versioned(row));
    },
  });
};

const oneStatement = (kind: Kind, scope: TenantScope, id: string): Statement => {
  const { table, fields, nodes } = KINDS[kind];
  return statement(
    scope,
    ({ value, visible }) =>
      `SELECT ${fields} FROM ${table} LEFT JOIN key_uses USING (key_id)
       WHERE ${table}.key_id = ${value(id)} AND ${visible(`${table}.tenant`, nodes)}`,
  );
};

export const noSuchKey = () => new Refusal("NO_SUCH_OBJECT", "there is no such key");

/**
 * Returns a key that the asker may change, which nobody else can change until the transaction ends.
 * @throws {Refusal} NO_SUCH_OBJECT, also for keys that the asker may not see
 */
export const lockVisibleKey = (client: PgClient, scope: TenantScope, id: string): Promise<Key> =>
  lockVisible<Omit<Key, "version">>(client, scope, { kind: "keys", id });

export const lockVisibleReaderKey = (
  client: PgClient,
  scope: TenantScope,
  id: string,
): Promise<ReaderKey> =>
  lockVisible<Omit<ReaderKey, "version">>(client, scope, { kind: "readers", id });

async function lockVisible<Of extends Row>(
  client: PgClient,
  scope: TenantScope,
  { kind, id }: { kind: Kind; id: string },
): Promise<Of & { version: string }> {
  const { text, values } = oneStatement(kind, scope, id);
  const [row] = await query<Of>(client, `${text} FOR UPDATE OF ${KINDS[kind].table}`, values);
  if (row === undefined) throw noSuchKey();
  return versioned(row);
}
