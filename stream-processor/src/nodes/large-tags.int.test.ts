import type { Producer } from "@fiberstream/kafka/producer";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { runNodePublisher } from "./node-publisher.ts";
import { createPostgresTier } from "./nodes-in-postgres.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
/** What a topic takes of one record by default. */
const MAX_RECORD_BYTES = 1_000_000;
let life: Life;
let pool: PgPool;
beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 3, log };
  pool = life.own(createPool(options), (owned) => owned.end());
});
afterAll(() => life.stop());

const tagsOf = (bytes: number) => JSON.stringify({ note: "x".repeat(bytes) });
const insert = (node: string, tags: string) =>
  pool.query("INSERT INTO nodes (node_id, tags) VALUES ($1, $2)", [node, tags]);

describe("tags of a node", () => {
  it("are rejected by the table if they are too large", async () => {
    await insert("tagged", tagsOf(16_000));
    await expect(insert("refused", tagsOf(17_000))).rejects.toThrow(/tags .* 16 kB/);
    const change = "UPDATE nodes SET tags = $1 WHERE node_id = 'tagged'";
    await expect(pool.query(change, [tagsOf(17_000)])).rejects.toThrow(/tags .* 16 kB/);
  });

  it("do not prevent a node from being published with its other data, if they were stored before the limit", async () => {
    await pool.query("ALTER TABLE nodes DISABLE TRIGGER nodes_bound_tags");
    await insert("a-huge", tagsOf(2_000_000));
    await pool.query("ALTER TABLE nodes ENABLE TRIGGER nodes_bound_tags");
    // What else writes to the row goes on.
    await pool.query("UPDATE nodes SET last_seen_at = now() WHERE node_id = 'a-huge'");
    const published: string[] = [];
    const producer: Producer = {
      send: async (_topic, records) => {
        if (records.some(({ value }) => (value?.length ?? 0) > MAX_RECORD_BYTES)) {
          throw new TransientError("kafka", "MESSAGE_TOO_LARGE");
        }
        for (const { key } of records) published.push(String(key));
      },
      close: async () => undefined,
    };
    const end = runNodePublisher({
      pool,
      producer,
      topic: "probe.nodes",
      schema: readAvroSchema("Node"),
      schemaId: 1,
      countPublished: () => undefined,
      log,
    });
    try {
      await until(() => published.includes("tagged"), { what: "the other node is published" });
      expect(published).toContain("a-huge");
    } finally {
      await end();
    }
    const { getMany } = createPostgresTier({ pool });
    expect((await getMany(["a-huge"]))[0]?.tags).toEqual({});
    expect((await getMany(["tagged"]))[0]?.tags).toEqual(JSON.parse(tagsOf(16_000)));
  });
});
