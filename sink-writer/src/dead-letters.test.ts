import type { OutgoingRecord, RecordBatch } from "@fiberstream/kafka/records";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { createSendDeadLetters } from "./dead-letters.ts";
import type { DeadRecord } from "./rows/row-reader.ts";

const batch: RecordBatch = {
  topic: "probe.metrics.enriched",
  partition: 3,
  log: { clusterId: "c", topicId: "t" },
  records: [],
  firstOffset: 0n,
  nextOffset: 1n,
  highWatermark: 1n,
};
const deadRecord = (value: Buffer): DeadRecord => ({
  batch,
  record: { offset: "7", key: Buffer.from("n1"), value, timestamp: "5" },
  reason: { failureClass: "undecodable", message: "value is not what schema id 1 says" },
});

let failedWrites = 0;
const sendWith = (send: (topic: string, records: readonly OutgoingRecord[]) => Promise<void>) =>
  createSendDeadLetters({
    producer: { send, close: async () => {} },
    topic: "dlq",
    groupId: "sink-writer",
    nowMs: () => 0,
    countFailedWrite: () => void failedWrites++,
    log: createLog({ service: "test", level: "silent", format: "json" }),
  });

const refusedAs = (type: string) =>
  new TransientError("kafka", type, { cause: Object.assign(new Error(type), { type }) });

describe("dead letters of the sink", () => {
  it("contain the unchanged record, and its origin", async () => {
    const sent: OutgoingRecord[] = [];
    const send = sendWith(async (_topic, records) => void sent.push(...records));
    await send([deadRecord(Buffer.from("bytes"))], "decode");
    expect(sent).toMatchObject([
      {
        key: Buffer.from("n1"),
        value: Buffer.from("bytes"),
        timestamp: "5",
        headers: {
          "__connect.errors.topic": "probe.metrics.enriched",
          "__connect.errors.partition": "3",
          "__connect.errors.offset": "7",
          "__connect.errors.stage": "decode",
          "__dlq.errors.group": "sink-writer",
          "fiber.dlq.failure-class": "undecodable",
          "fiber.dlq.failed-at": "1970-01-01T00:00:00.000Z",
        },
      },
    ]);
  });

  it("are reduced if Kafka rejects them; the others of the batch stay whole", async () => {
    const sent: OutgoingRecord[] = [];
    const send = sendWith(async (_topic, records) => {
      if (records.some(({ value }) => (value?.length ?? 0) > 1_000))
        throw refusedAs("MESSAGE_TOO_LARGE");
      if (records.some(({ timestamp }) => timestamp === "9")) throw refusedAs("INVALID_TIMESTAMP");
      sent.push(...records);
    });
    const { record, ...origin } = deadRecord(Buffer.from("in time"));
    const ahead = { ...origin, record: { ...record, timestamp: "9" } };
    await send([deadRecord(Buffer.from("small")), deadRecord(Buffer.alloc(2_000)), ahead], "write");
    expect(sent.map(({ value }) => value?.length)).toEqual([5, 125, 7]);
    expect(sent[1]?.headers).toMatchObject({ "fiber.dlq.value-bytes": "2000" });
    expect(sent[2]).not.toHaveProperty("timestamp");
    expect(sent[2]?.headers).toMatchObject({ "fiber.dlq.record-timestamp": "9" });
  });

  it("are sent in batches that a broker accepts, each record once", async () => {
    const batches: number[] = [];
    const send = sendWith(async (_topic, records) => void batches.push(records.length));
    await send(
      Array.from({ length: 100 }, () => deadRecord(Buffer.alloc(9 * 1_024))),
      "decode",
    );
    expect(batches).toEqual([51, 49]);
    batches.length = 0;
    await send([deadRecord(Buffer.alloc(900_000)), deadRecord(Buffer.alloc(1))], "decode");
    expect(batches).toEqual([1, 1]);
  });

  it("stop their batch if they cannot be written", async () => {
    const send = sendWith(async () => {
      throw new TransientError("kafka", "away");
    });
    await expect(send([deadRecord(Buffer.alloc(1))], "write")).rejects.toThrow("away");
    expect(failedWrites).toBe(1);
    await expect(send([], "write")).resolves.toBeUndefined();
  });
});
