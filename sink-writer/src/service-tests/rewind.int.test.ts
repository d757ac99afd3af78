import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { sampleEvent } from "../testing/sample-rows.ts";
import { createSinkFixture, type SinkFixture } from "../testing/sink-fixture.ts";

let fixture: SinkFixture;
beforeEach(async () => {
  fixture = await createSinkFixture();
});
afterEach(() => fixture.stop());

const rewind = (...args: string[]) => fixture.fiber("sink", "rewind", ...args);
const metric = async (adminUrl: string, name: string) => {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(name));
  return Number(line?.split(" ").at(-1) ?? 0);
};

describe("fiber sink rewind", () => {
  it("lets a running sink read again, which writes lost rows and no duplicates", async () => {
    const sink = await fixture.start();
    await fixture.send(Array.from({ length: 300 }, () => sampleEvent({ node_id: "n1" })));
    await fixture.untilStored(300);
    await fixture.sql.query(
      "DELETE FROM metrics WHERE time IN (SELECT time FROM metrics LIMIT 20)",
    );

    expect(await rewind("--to", "1h", "--dry-run")).toMatch(
      /would resume at offset 0 instead of 300/,
    );
    expect(await rewind("--to", "1h")).toMatch(
      /resumes at offset 0 instead of 300\n300 records read again/,
    );
    await fixture.untilStored(300);
    const repeats = 'fiberstream_pipeline_records_total{stage="sink",outcome="repeat"}';
    expect(await metric(sink.adminUrl, repeats)).toBe(280);
    // Nothing that is read again counts as late: 300 events have had their age, once.
    expect(await metric(sink.adminUrl, "fiberstream_sink_event_age_seconds_count")).toBe(300);
    expect(await rewind("--to", "2040-01-01")).toBe("nothing to move\n");
  });

  it("does not bring back what an operator has erased, nor its node", async () => {
    const sink = await fixture.start();
    const now = () => ({ received_at: Date.now() * 1_000 });
    const events = ["n1", "n2"].flatMap((node_id) =>
      Array.from({ length: 50 }, () => sampleEvent({ node_id, ...now() })),
    );
    await fixture.send(events);
    await fixture.untilStored(100);
    expect(await fixture.fiber("erase", "--node", "n1")).toMatch(/^50 rows of metrics/);
    expect(await fixture.storedRows()).toBe(100);
    expect(await fixture.fiber("erase", "--node", "n1", "--yes")).toMatch(
      /^erased: 50 rows of metrics, .* 1 nodes, 1 changes of nodes\n.*probe.metrics.enriched keeps them for 30 days/,
    );
    await fixture.untilStored(50);
    // A deleted row that was not erased comes back by the same rewind.
    await fixture.sql.query("DELETE FROM metrics WHERE node_id = 'n2'");
    expect(await rewind("--to", "1h")).toMatch(/100 records read again/);
    await fixture.untilStored(50);
    const { rows } = await fixture.sql.query(
      `SELECT DISTINCT node_id FROM (
         SELECT node_id FROM metrics UNION ALL SELECT node_id FROM nodes
         UNION ALL SELECT node_id FROM metric_conflicts UNION ALL SELECT node_id FROM metric_quality_daily
       ) AS places`,
    );
    expect(rows).toEqual([{ node_id: "n2" }]);
    const repeats = 'fiberstream_pipeline_records_total{stage="sink",outcome="repeat"}';
    expect(await metric(sink.adminUrl, repeats)).toBe(50);

    await fixture.send([sampleEvent({ node_id: "n1", ...now() })]);
    await fixture.untilStored(51);
  });

  it("inserts missing offsets, at the beginning or at the given position", async () => {
    await fixture.send(Array.from({ length: 30 }, () => sampleEvent({ node_id: "n1" })));
    const printed = await rewind("--to", "0h", "--no-wait");
    expect(printed.match(/resumes at offset 0 and had no stored offset/g)).toHaveLength(12);
    expect(await rewind("--to", "0h", "--no-wait")).toBe("nothing to move\n");
    const { rows } = await fixture.sql.query<{ places: number; logs: number }>(
      `SELECT count(*)::int AS places, count(DISTINCT (cluster_id, topic_id))::int AS logs
       FROM sink_offsets WHERE next_offset = 0 AND cluster_id <> '' AND topic_id <> ''`,
    );
    expect(rows).toEqual([{ places: 12, logs: 1 }]);

    await fixture.sql.query("DELETE FROM sink_offsets");
    expect(await rewind("--offset", "10", "--no-wait")).toMatch(/resumes at offset 10 and had no/);
    await fixture.start();
    await fixture.untilStored(20);
  });

  it("inserts an offset while a sink runs, which reads the partition from its beginning", async () => {
    await fixture.start();
    await fixture.send(Array.from({ length: 30 }, () => sampleEvent({ node_id: "n1" })));
    await fixture.untilStored(30);
    await fixture.sql.query("BEGIN; DELETE FROM metrics; DELETE FROM sink_offsets; COMMIT");
    await rewind("--offset", "0", "--no-wait");
    await fixture.untilStored(30);
  });

  it("moves no offset of another log", async () => {
    await rewind("--offset", "0", "--no-wait");
    await fixture.sql.query("UPDATE sink_offsets SET next_offset = 5, topic_id = 'another'");
    await expect(rewind("--offset", "0", "--no-wait")).rejects.toThrow(/sink accept-log/);
    const { rows } = await fixture.sql.query("SELECT DISTINCT next_offset FROM sink_offsets");
    expect(rows).toEqual([{ next_offset: "5" }]);
  });

  it("lets a partition resume that stopped at an offset that Kafka lacks, while the sink runs", async () => {
    const sink = await fixture.start();
    await fixture.send([sampleEvent({ node_id: "n1" })]);
    await fixture.untilStored(1);
    await fixture.sql.query("UPDATE sink_offsets SET next_offset = 1000 WHERE next_offset > 0");
    await fixture.send([sampleEvent({ node_id: "n1" })]);
    await fixture.untilNotReady(sink, /resumes at offset 1000, which Kafka does not have/);
    // Of all partitions; the one that stopped is n1's.
    const others = Array.from({ length: 40 }, (_, at) => sampleEvent({ node_id: `other-${at}` }));
    await fixture.send(others);
    const { rows } = await fixture.sql.query<{ partition: number }>(
      "SELECT partition FROM sink_offsets WHERE next_offset = 1000",
    );
    const stopped = rows[0]?.partition ?? -1;
    await until(async () => (await fixture.storedRows()) > 20, { what: "the others go on" });

    const partition = String(stopped);
    expect(await rewind("--offset", "0", "--partition", partition, "--no-wait")).toMatch(
      /resumes at offset 0 instead of 1000/,
    );
    await fixture.untilStored(42);
    await until(async () => (await fetch(`${sink.adminUrl}/readyz`)).ok, {
      what: "the sink is ready again",
    });
  });
});
