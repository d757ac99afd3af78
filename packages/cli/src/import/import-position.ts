import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type Actor, inTransactionAs } from "@fiberstream/postgres/acting";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import type { ImportFormat } from "./file-rows.ts";

/** Which import it is: the same file for another tenant is another one. */
export type ImportKey = { readonly digest: string; readonly tenant: string };

export type ImportCounts = {
  readonly read: number;
  readonly inserted: number;
  readonly repeated: number;
  readonly inConflict: number;
  readonly rejected: number;
  readonly nodesAdded: number;
};

export type ImportPosition = ImportCounts & { readonly finishedAt: Date | null };

/** Returns the SHA-256 of a file, in hexadecimal digits. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/**
 * Returns how far an import is.
 * @returns undefined if the file was never imported
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readPosition(
  on: PgPool | PgClient,
  { digest, tenant }: ImportKey,
): Promise<ImportPosition | undefined> {
  const [row] = await query<{ [Name in keyof ImportPosition]: ImportPosition[Name] }>(on, SELECT, [
    digest,
    tenant,
  ]);
  return row;
}

/**
 * Creates the import's row, or updates the name of its file.
 * @param actor who imports it, for the audit log
 * @param file.isRestarted begins with the first row again; its counts begin at 0
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function openPosition(
  on: PgPool,
  { digest, tenant }: ImportKey,
  file: {
    name: string;
    bytes: number;
    format: ImportFormat;
    startedBy: string;
    isRestarted: boolean;
  },
  actor: Actor = operator(),
): Promise<void> {
  const { name, bytes, format, startedBy, isRestarted } = file;
  const attempt = {
    action: "import.created",
    objectKind: "import",
    object: `${digest} ${tenant}`,
    tenant,
  };
  await attemptAs(on, actor, attempt, (client) =>
    query(client, OPEN, [digest, tenant, name, bytes, format, startedBy, isRestarted]),
  );
}

/** Adds the counts of a batch, in the transaction of its rows. */
export async function movePosition(
  client: PgClient,
  { digest, tenant }: ImportKey,
  batch: Omit<ImportCounts, "read"> & { readonly readTo: number },
): Promise<void> {
  const { readTo, inserted, repeated, inConflict, rejected, nodesAdded } = batch;
  await query(client, MOVE, [
    digest,
    tenant,
    readTo,
    inserted,
    repeated,
    inConflict,
    rejected,
    nodesAdded,
  ]);
}

/** Notes that the end of the file was reached. */
export async function finishPosition(
  on: PgPool,
  { digest, tenant }: ImportKey,
  actor: Actor = operator(),
): Promise<void> {
  await inTransactionAs(on, actor, (client) => query(client, FINISH, [digest, tenant]));
}

const KEY = "file_digest = $1 AND tenant = $2";

// Counts as float8, which the client library returns as numbers; they are exact up to 2^53.
const SELECT = `
  SELECT rows_read::float8 AS read, rows_inserted::float8 AS inserted, rows_repeated::float8 AS repeated,
         rows_in_conflict::float8 AS "inConflict", rows_rejected::float8 AS rejected,
         nodes_added::float8 AS "nodesAdded", finished_at AS "finishedAt"
  FROM imports WHERE ${KEY}`;

const OPEN = `
  INSERT INTO imports AS stored (file_digest, tenant, file_name, file_bytes, format, started_by)
  VALUES ($1, $2, $3, $4, $5, $6 || ' as ' || current_user)
  ON CONFLICT (file_digest, tenant) DO UPDATE
    SET file_name = excluded.file_name, format = excluded.format, finished_at = NULL,
        started_by = excluded.started_by,
        started_at = CASE WHEN $7::boolean THEN now() ELSE stored.started_at END,
        rows_read = CASE WHEN $7 THEN 0 ELSE stored.rows_read END,
        rows_inserted = CASE WHEN $7 THEN 0 ELSE stored.rows_inserted END,
        rows_repeated = CASE WHEN $7 THEN 0 ELSE stored.rows_repeated END,
        rows_in_conflict = CASE WHEN $7 THEN 0 ELSE stored.rows_in_conflict END,
        rows_rejected = CASE WHEN $7 THEN 0 ELSE stored.rows_rejected END,
        nodes_added = CASE WHEN $7 THEN 0 ELSE stored.nodes_added END`;

const MOVE = `
  UPDATE imports
  SET rows_read = $3, rows_inserted = rows_inserted + $4, rows_repeated = rows_repeated + $5,
      rows_in_conflict = rows_in_conflict + $6, rows_rejected = rows_rejected + $7,
      nodes_added = nodes_added + $8, updated_at = now()
  WHERE ${KEY}`;

const FINISH = `UPDATE imports SET finished_at = now(), updated_at = now() WHERE ${KEY}`;
