import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import { ok } from "@fiberstream/runtime/outcome";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { expect, it } from "@jest/globals";
import { createReadOpenAlerts } from "./open-alerts.ts";
import { readCheckpoint, writeCheckpoint } from "./window-checkpoint.ts";

const alertOf = (node_id: string, id: string, state: ProbeAlert["state"]): ProbeAlert => ({
  alert_id: id,
  node_id,
  kind: "latency",
  state,
  at: 0,
  event_id: id,
  value: 1,
  usual: null,
  resolve_below: 1,
});

/** A node of a partition, of so many. */
const nodeOf = (partition: number, partitions: number) => {
  for (let number = 0; ; number++) {
    const node = `n-${number}`;
    if (partitionOfKey(Buffer.from(node), partitions) === partition) return node;
  }
};

/** The topics, with the alerts of each partition; `read` has the partitions that were read. */
const topicsWith = (alerts: readonly (readonly ProbeAlert[])[], rawPartitions: number) => {
  const read: number[] = [];
  const indexes = (count: number) => Array.from({ length: count }, (_, at) => at);
  const rangeOf = (partition: number) => ({ partition, from: 0n, until: 1n });
  const readOpenAlerts = createReadOpenAlerts({
    reader: {
      describe: async (topic) => ({
        topicId: topic,
        partitions: indexes(topic === "raw" ? rawPartitions : alerts.length),
      }),
      range: async (_topic, partition) => rangeOf(partition),
      ranges: async () => indexes(alerts.length).map(rangeOf),
      read: async function* records(_topic, { partition }) {
        read.push(partition);
        const values = alerts[partition] ?? [];
        const record = (alert: ProbeAlert): IncomingRecord => ({
          offset: "0",
          key: null,
          value: Buffer.from(JSON.stringify(alert)),
          timestamp: "0",
        });
        yield values.map(record);
      },
    },
    decoder: {
      prepare: async () => undefined,
      decode: (value) => ok(JSON.parse(String(value)) as ProbeAlert),
    },
    topics: { raw: "raw", alerts: "alerts" },
    maxAlerts: 10,
  });
  return { read, readOpenAlerts };
};

it("reads open alerts from the node's own partition only, while raw has as many partitions as before", async () => {
  const node = nodeOf(1, 2);
  const { read, readOpenAlerts } = topicsWith([[], [alertOf(node, "a", "opened")]], 2);
  expect(await readOpenAlerts(1, 2)).toMatchObject({
    open: [{ alert_id: "a" }],
    moved: [],
    partitions: 2,
  });
  expect(read).toEqual([1]);
});

it.each([[1], [undefined]])(
  "reads open alerts from all partitions if raw had another number of partitions: %s",
  async (known) => {
    const moved = nodeOf(1, 2);
    const stayed = nodeOf(0, 2);
    const { read, readOpenAlerts } = topicsWith(
      [[alertOf(moved, "a", "opened"), alertOf(stayed, "b", "opened")], []],
      2,
    );
    const asked = [0, 1, 0, 1, 0, 1].map((partition) => readOpenAlerts(partition, known));
    const [first, second] = await Promise.all(asked);
    // The node's alert stays in the table of its earlier partition, where no event of it comes any more.
    expect(first).toMatchObject({ open: [{ alert_id: "a" }, { alert_id: "b" }], moved: [] });
    expect(second).toMatchObject({ open: [{ alert_id: "a" }], moved: [{ alert_id: "a" }] });
    // The whole topic twice, because each result is of a reading that began after its call, and then each its own partition.
    expect(read).toHaveLength(2 * 2 + 6);
  },
);

it("does not return an alert that was resolved in the new partition, and does not move one that is there already", async () => {
  const moved = nodeOf(1, 2);
  const opened = alertOf(moved, "a", "opened");
  const resolved = topicsWith([[opened], [alertOf(moved, "a", "resolved")]], 2);
  expect(await resolved.readOpenAlerts(1, 1)).toMatchObject({ open: [], moved: [] });
  const copied = topicsWith([[opened], [opened]], 2);
  expect(await copied.readOpenAlerts(1, 1)).toMatchObject({ open: [opened], moved: [] });
  const next = topicsWith([[opened], [opened, alertOf(moved, "b", "opened")]], 2);
  expect(await next.readOpenAlerts(1, 1)).toMatchObject({ open: [{ alert_id: "b" }], moved: [] });
});

it("reads open alerts although probe.alerts does not have the new partition yet", async () => {
  const moved = nodeOf(1, 2);
  const { readOpenAlerts } = topicsWith([[alertOf(moved, "a", "opened")]], 2);
  expect(await readOpenAlerts(1, 1)).toMatchObject({ moved: [{ alert_id: "a" }] });
});

it("learns the earlier number of partitions from the checkpoint, unless an earlier version has written it", () => {
  const minutes = new Map();
  const range = { from: 1n, to: 2n, begins: false, records: 1 };
  const ledger = { partition: 0, log: "t", minutes, ...range };
  const checkpoint = { from: 1n, clockMs: 2, ledger, partitions: 24 };
  expect(readCheckpoint(writeCheckpoint(checkpoint))).toEqual(checkpoint);
  const earlier = { ...checkpoint, partitions: undefined };
  expect(readCheckpoint(writeCheckpoint(earlier))).toEqual(earlier);
});
