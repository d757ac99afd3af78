import { createKeyTable, type KeyTable } from "@fiberstream/access/key-table";
import { withPool } from "./with-pool.ts";

/** Runs `work` with the table in the database at DATABASE_URL. */
export async function withKeyTable<T>(work: (table: KeyTable) => Promise<T>): Promise<T> {
  return withPool((pool) => work(createKeyTable(pool)));
}
