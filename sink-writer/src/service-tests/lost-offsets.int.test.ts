import { createConnections } from "@fiberstream/kafka/broker/connections";
import { createKafka } from "@fiberstream/kafka/kafka";
import { readLogStarts } from "@fiberstream/kafka/log-starts";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { sampleEvent } from "../testing/sample-rows.ts";
import { createSinkFixture, type SinkFixture } from "../testing/sink-fixture.ts";

let fixture: SinkFixture;
beforeEach(async () => {
  fixture = await createSinkFixture();
});
afterEach(() => fixture.stop());

/** All of one node, so of one partition. */
const events = (count: number) =>
  Array.from({ length: count }, () => sampleEvent({ node_id: "n1" }));
const offsets = async () => {
  const { rows } = await fixture.sql.query<{ partition: number; next: string }>(
    "SELECT partition, next_offset AS next FROM sink_offsets ORDER BY partition",
  );
  return rows.map(({ partition, next }) => [partition, Number(next)] as const);
};
const written = async () => (await offsets()).filter(([, next]) => next > 0);
/** What a crash, a standby that lags or a restore does: the last transactions are gone, the first ones among them. */
const loseAll = () => fixture.sql.query(`BEGIN; ${LOSE_ALL}; COMMIT`);
const LOSE_ALL = "DELETE FROM metrics; DELETE FROM nodes; DELETE FROM sink_offsets";
const rowsWithNode = async () => {
  const { rows } = await fixture.sql.query("SELECT FROM metrics JOIN nodes USING (node_id)");
  return rows.length;
};

describe("a database that has lost the first write of a partition", () => {
  it("gets it written again before the next records", async () => {
    await fixture.start();
    await fixture.send(events(10));
    await fixture.untilStored(10);
    // Locked until the next records are there: so the write comes before anybody has looked at the offsets.
    await fixture.sql.query(`BEGIN; LOCK TABLE sink_offsets; ${LOSE_ALL}`);
    await fixture.send(events(10));
    await until(
      async () => {
        const { rows } = await fixture.sql.query(
          `SELECT FROM pg_locks WHERE relation = 'sink_offsets'::regclass
             AND NOT granted AND mode <> 'AccessShareLock'`,
        );
        return rows.length > 0;
      },
      { what: "the next write waits" },
    );
    await fixture.sql.query("COMMIT");
    await fixture.untilStored(20);
    expect(await rowsWithNode()).toBe(20);
    expect((await written()).map(([, next]) => next)).toEqual([20]);
  });

  it("gets it written again, also if no record follows", async () => {
    await fixture.start();
    await fixture.send(events(10));
    await fixture.untilStored(10);
    await loseAll();
    await fixture.untilStored(10);
    expect(await rowsWithNode()).toBe(10);
    await until(async () => (await written()).length === 1, { what: "the offset is stored again" });
  });
});

describe("a sink that starts on a topic whose first records are deleted", () => {
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

  it("starts at the first existing record, and stores that offset before it writes any", async () => {
    await fixture.send(events(10));
    const admin = kafka.admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(fixture.topic);
    const partition = ends.find(({ high }) => high === "10")?.partition ?? -1;
    await admin.deleteTopicRecords({
      topic: fixture.topic,
      partitions: [{ partition, offset: "4" }],
    });
    await admin.disconnect();
    const connections = createConnections(kafka);
    const { log: identity, starts } = await readLogStarts(connections, fixture.topic);
    await connections.close();
    expect(identity.topicId).toMatch(/^[0-9a-f-]{36}$/);
    expect([...starts].filter(([, start]) => start > 0n)).toEqual([[partition, 4n]]);
    expect(starts.size).toBe(ends.length);

    await fixture.start();
    await fixture.untilStored(6);
    const expected = ends.map((end) => [end.partition, end.partition === partition ? 10 : 0]);
    expect(await offsets()).toEqual(expected.toSorted(([a = 0], [b = 0]) => a - b));

    await loseAll();
    await fixture.untilStored(6);
  });
});
