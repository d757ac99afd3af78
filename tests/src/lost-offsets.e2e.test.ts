import { createKafka } from "@fiberstream/kafka/kafka";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { eventOf, pushAccepted } from "./platform/send.ts";

let platform: Platform;
let life: Life;
beforeEach(async () => {
  life = createLife();
  platform = await startPlatform();
  life.own(platform, (owned) => owned.stop());
});
afterEach(() => life.stop());

const MESSAGE = "offset missing, starting at the beginning, events will be enriched again";

it("reports missing offsets and starts at the beginning, and the table has each event once", async () => {
  const nodeIds = Array.from({ length: 30 }, (_, number) => `probe-${number}`);
  const eventIds = await Promise.all(
    nodeIds.map((nodeId) => pushAccepted(platform.gatewayUrl, eventOf(nodeId))),
  );
  await untilRows(eventIds.length, "all are rows");
  expect(platform.service("stream-processor").logs()).not.toContain(MESSAGE);

  expect(await platform.service("stream-processor").stop()).toBe(0);
  await deleteOffsets();
  await platform.restart("stream-processor");
  const enriched = topicIn(platform.namespace, "probe.metrics.enriched");
  const { records } = life.own(await readTopic(addresses.kafkaBrokers, enriched), (owned) =>
    owned.close(),
  );
  await until(() => records.length === 2 * eventIds.length, { what: "all are enriched again" });

  const lines = platform.service("stream-processor").logs().split("\n");
  const said = lines.filter((line) => line.includes(MESSAGE));
  const partitions = new Set(records.map(({ partition }) => partition));
  expect(said).toHaveLength(partitions.size);
  for (const line of said) expect(line).toContain('"log.level":"warn"');

  // After all events that were enriched again, in each partition: when these are rows, the sink has processed the others.
  const last = nodeIds.map((nodeId) => eventOf(nodeId, { probe_type: "last" }));
  await Promise.all(last.map((event) => pushAccepted(platform.gatewayUrl, event)));
  await untilRows(last.length, "the events after them are rows", "last");
  const rows = await platform.query<{ event_id: string }>(
    "SELECT event_id FROM metrics WHERE probe_type <> 'last'",
  );
  expect(rows.map(({ event_id }) => event_id).toSorted()).toEqual(eventIds.toSorted());
});

const untilRows = (count: number, what: string, probeType = "ping") =>
  until(
    async () => {
      const sql = "SELECT FROM metrics WHERE probe_type = $1";
      return (await platform.query(sql, [probeType])).length >= count;
    },
    { what },
  );

/** Deletes the group's offsets, as the broker does if the group has been empty for too long. */
async function deleteOffsets(): Promise<void> {
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const group = `${platform.namespace}stream-processor`;
    // A group that has just lost its last member is not empty immediately.
    await until(
      () =>
        admin.deleteGroups([group]).then(
          () => true,
          () => false,
        ),
      {
        what: "the group's offsets are deleted",
      },
    );
  } finally {
    await admin.disconnect();
  }
}
