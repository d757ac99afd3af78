import { TransientError } from "@fiberstream/runtime/errors";
import type { PostgresClient } from "./postgres.ts";

/** The offsets of a group and a topic, in a table of the database that it writes to. */
export type OffsetTable = {
  /** Creates the table if it is missing. */
  readonly create: (client: PostgresClient) => Promise<void>;
  /** Returns the next offset of a partition; undefined if it has none. */
  readonly find: (client: PostgresClient, partition: number) => Promise<bigint | undefined>;
  /**
   * Sets the next offset of a partition, in the transaction of the batch.
   * @throws {TransientError} when another member has changed it: this one has lost the partition
   */
  readonly move: (
    client: PostgresClient,
    step: { partition: number; from: bigint; to: bigint },
  ) => Promise<void>;
};

/** @throws {TypeError} when the name is not a plain table name, with or without a schema */
export function createOffsetTable(options: {
  name: string;
  group: string;
  topic: string;
}): OffsetTable {
  const { name, group, topic } = options;
  if (!/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$/.test(name)) {
    throw new TypeError(
      `${JSON.stringify(name)} cannot be the name of the offset table. Use a plain name, such as fiberstream_offsets`,
    );
  }
  return {
    create: async (client) => {
      // A lock, because two concurrent CREATE TABLE IF NOT EXISTS can fail: it checks before it locks.
      await client.query("SELECT pg_advisory_xact_lock(hashtext($1))", [name]);
      await client.query(`CREATE TABLE IF NOT EXISTS ${name} (
        group_id text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        next_offset bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (group_id, topic, partition)
      )`);
    },

    find: async (client, partition) => {
      const { rows } = await client.query(
        `SELECT next_offset::text FROM ${name} WHERE group_id = $1 AND topic = $2 AND partition = $3`,
        [group, topic, partition],
      );
      const found = rows[0]?.["next_offset"];
      return typeof found === "string" ? BigInt(found) : undefined;
    },

    move: async (client, { partition, from, to }) => {
      const { rowCount } = await client.query(
        `INSERT INTO ${name} AS offsets (group_id, topic, partition, next_offset)
         VALUES ($1, $2, $3, $5)
         ON CONFLICT (group_id, topic, partition) DO UPDATE
           SET next_offset = EXCLUDED.next_offset, updated_at = now()
           WHERE offsets.next_offset = $4`,
        [group, topic, partition, from.toString(), to.toString()],
      );
      if (rowCount === 1) return;
      throw new TransientError(
        "postgres",
        `another member of ${group} has processed partition ${partition} of ${topic}`,
      );
    },
  };
}
