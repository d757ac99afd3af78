import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { acceptLog } from "./accept-log.ts";

let life: Life;
let pool: PgPool;
beforeAll(async () => {
  life = createLife();
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 2, log };
  pool = life.own(createPool(options), (owned) => owned.end());
});
afterAll(() => life.stop());
beforeEach(async () => {
  await pool.query("TRUNCATE sink_offsets");
  await pool.query(
    `INSERT INTO sink_offsets (topic, partition, next_offset, cluster_id, topic_id) VALUES
       ('t', 0, 10, 'c', 'old'), ('t', 1, 20, 'c', 'new'), ('t', 2, 30, NULL, NULL),
       ('t', 3, 40, 'elsewhere', 'new'), ('t', 4, 50, 'c', 'old'), ('t', 9, 60, 'c', 'old'),
       ('other', 0, 70, 'c', 'old')`,
  );
});

/** Partition 4 has no leader, and partition 9 does not exist (yet). */
const found = {
  log: { clusterId: "c", topicId: "new" },
  partitions: [0, 1, 2, 3, 4],
  starts: new Map([
    [0, 0n],
    [1, 0n],
    [2, 0n],
    [3, 5n],
  ]),
};
const rows = async () => {
  const { rows: all } = await pool.query<{ row: string }>(
    `SELECT concat_ws(' ', topic, partition, next_offset, cluster_id, topic_id) AS row
     FROM sink_offsets ORDER BY topic, partition`,
  );
  return all.map(({ row }) => row);
};

describe("accepting a log", () => {
  it("moves only the offsets of another log, to the beginning", async () => {
    const { accepted, unknown } = await acceptLog(pool, { topic: "t", found, dryRun: false });
    expect(accepted.map(({ stored, to }) => [stored.partition, to])).toEqual([
      [0, 0n],
      [3, 5n],
      [9, 0n],
    ]);
    expect(unknown.map(({ partition }) => partition)).toEqual([4]);
    expect(await rows()).toEqual([
      "other 0 70 c old",
      "t 0 0 c new",
      "t 1 20 c new",
      "t 2 30",
      "t 3 5 c new",
      "t 4 50 c old",
      "t 9 0 c new",
    ]);
  });

  it("changes nothing in a dry run, and returns the same", async () => {
    const before = await rows();
    const shown = await acceptLog(pool, { topic: "t", found, dryRun: true });
    expect(await rows()).toEqual(before);
    expect(await acceptLog(pool, { topic: "t", found, dryRun: false })).toEqual(shown);
  });
});
