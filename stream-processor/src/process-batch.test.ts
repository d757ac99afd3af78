import { createBreaker } from "@fiberstream/kafka/breaker";
import { PartitionPausedError } from "@fiberstream/kafka/partition-paused";
import { PartitionFaultError } from "@fiberstream/kafka/partition-fault";
import type { RecordBatch } from "@fiberstream/kafka/records";
import type { PartitionCommit } from "@fiberstream/kafka/transactions/group-transactions";
import { RecordRefusedError } from "@fiberstream/kafka/transactions/record-refused";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { dead, ok } from "@fiberstream/runtime/outcome";
import { expect, it } from "@jest/globals";
import type { RawEventDecoder } from "./decode/decode-raw.ts";
import { createTimePolicy } from "./decode/event-time.ts";
import { createBatchProcessor } from "./process-batch.ts";
import { createOpenEntries } from "./reconciliation/open-entries.ts";
import { sampleEvent, uuidOf } from "./testing/sample-event.ts";
import { createPartitionWindows } from "./windows/partition-windows.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

/** A processor of records that are all rubbish by default, up to where they are committed. */
const processorOf = async (
  commit: (part: PartitionCommit) => Promise<void>,
  decode: RawEventDecoder["decode"] = () => dead(rubbish),
) => {
  const windows = createPartitionWindows({
    maxNodesPerPartition: 10,
    checkpointOf: () => undefined,
    earliestOf: async () => 0n,
    openAlertsOf: async () => ({ open: [], moved: [], partitions: 1 }),
    decoder: { prepare: async () => undefined, decode: () => dead(rubbish) },
    countEvicted: () => undefined,
  });
  await windows.replayFrom(0, 0n);
  return createBatchProcessor({
    decoder: { prepare: async () => undefined, decode },
    timePolicy: createTimePolicy({
      lateAfterMs: 3_600_000,
      tooOldAfterMs: 86_400_000,
      futureAfterMs: 300_000,
    }),
    breaker: createBreaker({
      limits: { badSharePct: 50, overRecords: 1_000, badRun: 1_000, retestAfterMs: 60_000 },
      metrics: { breakerOpen: () => undefined },
      log,
    }),
    lookupNodes: async () => new Map(),
    ledger: createOpenEntries({ metadataOf: () => "", nowMs: () => 0 }),
    windows,
    enrich: () => ({ key: null, value: null, timestamp: "0" }),
    traceBatch: () => ({ sending: (records) => records, end: () => undefined }),
    alertRecord: () => ({ key: null, value: null }),
    commit,
    topics: {
      enriched: "enriched",
      alerts: "alerts",
      deadLetter: "dead-letter",
      reconciliation: "reconciliation",
    },
    groupId: "processor",
    count: () => undefined,
    countFailedDeadLetters: () => undefined,
  });
};

const rubbish = { failureClass: "not-avro", message: "no Avro" } as const;

const batch: RecordBatch = {
  topic: "raw",
  partition: 0,
  log: { clusterId: "c", topicId: "t" },
  records: [{ offset: "0", key: null, value: Buffer.from("rubbish"), timestamp: "0" }],
  firstOffset: 0n,
  nextOffset: 1n,
  highWatermark: 1n,
};

it("reduces a dead letter that Kafka rejects, and writes it", async () => {
  const sent: (number | undefined)[] = [];
  const { process } = await processorOf(async ({ batches }) => {
    const { topic = "", records } = batches.find((one) => one.topic === "dead-letter") ?? {
      records: [],
    };
    const bytes = records[0]?.value?.length;
    sent.push(bytes);
    if (bytes !== undefined && bytes > 500)
      throw new RecordRefusedError({ topic, partition: 3, type: "MESSAGE_TOO_LARGE", records });
  });
  const large = {
    ...batch,
    records: batch.records.map((one) => ({ ...one, value: Buffer.alloc(1_600) })),
  };
  await expect(process(large)).rejects.toBeInstanceOf(TransientError);
  await process(large);
  expect(sent).toEqual([1_600, 100]);
});

it("pauses a partition when Kafka rejects most of its records, instead of dead-lettering all of them", async () => {
  const deadLetters: number[] = [];
  const { process } = await processorOf(
    async ({ batches }) => {
      const of = (name: string) => batches.find(({ topic }) => topic === name)?.records ?? [];
      deadLetters.push(of("dead-letter").length);
      const records = of("enriched");
      const type = "MESSAGE_TOO_LARGE";
      throw new RecordRefusedError({ topic: "enriched", partition: 0, type, records });
    },
    ({ offset }) => ok(sampleEvent({ event_id: uuidOf(Number(offset)) })),
  );
  const records = Array.from({ length: 1_000 }, (_, at) => ({
    offset: String(at),
    key: null,
    value: Buffer.from("event"),
    timestamp: "0",
  }));
  const many = { ...batch, records, nextOffset: 1_000n };
  for (const _ of [1, 2]) await expect(process(many)).rejects.toBeInstanceOf(PartitionPausedError);
  expect(deadLetters).toEqual([0, 0]);
});

it("stops only the partition whose dead letter Kafka rejects permanently", async () => {
  const { process } = await processorOf(async ({ batches }) => {
    const { topic, records } = batches.find((one) => one.records.length > 0) ?? { records: [] };
    const type = "INVALID_RECORD";
    throw new RecordRefusedError({ topic: topic ?? "", partition: 3, type, records });
  });
  const refused = process(batch);
  await expect(refused).rejects.toBeInstanceOf(PartitionFaultError);
  await expect(refused).rejects.toThrow(
    /dead-letter rejects 1 records.*Change dead-letter so that it accepts/,
  );
});
