import { createKafka } from "@fiberstream/kafka/kafka";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import type { RunningService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { sampleEvent } from "../testing/sample-rows.ts";
import { createSinkFixture, type SinkFixture } from "../testing/sink-fixture.ts";

let fixture: SinkFixture;
beforeEach(async () => {
  fixture = await createSinkFixture();
});
afterEach(() => fixture.stop());

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

/** All of one node, so of one partition. */
const events = (count: number) =>
  Array.from({ length: count }, () => sampleEvent({ node_id: "n1" }));
const acceptLog = (...args: string[]) => fixture.fiber("sink", "accept-log", ...args);

async function makeTopicAnew(): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [fixture.topic] });
  await until(async () => !(await admin.listTopics()).includes(fixture.topic), {
    what: "the topic is gone",
  });
  await admin.disconnect();
  await createTestTopics(fixture.namespace);
}

const writtenOffsets = async () => {
  const { rows } = await fixture.sql.query<{ next: string; topic_id: string }>(
    "SELECT next_offset AS next, topic_id FROM sink_offsets WHERE next_offset > 0",
  );
  return rows;
};

describe("fiber sink accept-log", () => {
  it.each([
    ["while it runs", async (sink: RunningService) => sink],
    [
      "while it is stopped",
      async (sink: RunningService) => {
        expect(await sink.stop()).toBe(0);
        return undefined;
      },
    ],
  ])(
    "lets the sink start on a topic that was recreated %s, which it does not by itself",
    async (_, then) => {
      const before = await fixture.start();
      await fixture.send(events(10));
      await fixture.untilStored(10);
      expect(await acceptLog("--yes")).toMatch(/nothing to change/);
      const oldId = (await writtenOffsets())[0]?.topic_id ?? "";
      const running = await then(before);

      await makeTopicAnew();
      // More than the old one had: by its offset alone the sink would skip the first ten.
      await fixture.send(events(15));
      const sink = running ?? (await fixture.start({}, { awaitReady: false }));
      await fixture.untilNotReady(sink, /belongs to another log: to topic .*sink accept-log/);
      expect(await fixture.storedRows()).toBe(10);

      const shown = await acceptLog();
      expect(shown).toMatch(new RegExp(`\\n\\d+ +10 +${oldId} +\\S+ +0\\n`));
      expect(shown).toMatch(/Nothing was changed/);
      expect((await writtenOffsets())[0]?.topic_id).toBe(oldId);

      expect(await acceptLog("--yes")).toMatch(
        /12 partitions now start at the beginning of this topic/,
      );
      await fixture.untilStored(25);
      expect((await writtenOffsets()).map(({ next }) => next)).toEqual(["15"]);
      expect((await writtenOffsets())[0]?.topic_id).not.toBe(oldId);
      await until(async () => (await fetch(`${sink.adminUrl}/readyz`)).ok, {
        what: "the sink is ready again",
      });
    },
  );

  it("works on a running sink that finds another cluster's offsets, without duplicates", async () => {
    const sink = await fixture.start();
    await fixture.send(events(10));
    await fixture.untilStored(10);
    await fixture.sql.query("UPDATE sink_offsets SET cluster_id = 'elsewhere'");
    await fixture.send(events(5));
    await fixture.untilNotReady(sink, /belongs to another log.*in cluster elsewhere/);
    expect(await fixture.storedRows()).toBe(10);
    expect(await acceptLog("--yes")).toMatch(/elsewhere/);
    await fixture.untilStored(15);
    await until(async () => (await writtenOffsets())[0]?.next === "15", {
      what: "all is read again",
    });
  });
});
