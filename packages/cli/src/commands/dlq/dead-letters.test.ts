import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import { matches, readDeadLetter, replayOf } from "@fiberstream/kafka/dead-letters";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import { describe, expect, it } from "@jest/globals";
import { time } from "../../options/moment.ts";
import { countDeadLetters } from "./list.ts";

const original: IncomingRecord = {
  offset: "17",
  key: Buffer.from("probe-accra-01"),
  value: Buffer.from([0, 0, 0, 0, 7, 1, 2]),
  timestamp: "1790000000000",
  headers: { traceparent: Buffer.from("00-1") },
};

/** Returns a dead letter as a consumer reads it: headers are bytes. */
function deadLetterRecord(
  record: IncomingRecord,
  failedAt = "2026-11-24T12:00:00.000Z",
): IncomingRecord {
  const origin = {
    topic: "probe.metrics.raw",
    partition: 4,
    groupId: "stream-processor",
    service: "stream-processor",
    stage: "decode",
  };
  const reason = { failureClass: "unknown-schema", message: "no schema 7", schemaId: 7 } as const;
  const { headers, key, value } = deadLetterOf(record, origin, reason, new Date(failedAt));
  const asBytes = Object.entries(headers ?? {}).map(([name, text]) => [
    name,
    Buffer.from(String(text)),
  ]);
  return {
    offset: "3",
    key: key as Buffer,
    value,
    timestamp: record.timestamp,
    headers: Object.fromEntries(asBytes) as Record<string, Buffer>,
  };
}

describe("dead letter", () => {
  it("has its original position and the reason of the failure", () => {
    expect(readDeadLetter(2, deadLetterRecord(original))).toMatchObject({
      partition: 2,
      offset: "3",
      origin: { topic: "probe.metrics.raw", partition: 4, offset: "17" },
      service: "stream-processor",
      failureClass: "unknown-schema",
      schemaId: 7,
      replays: 0,
    });
  });

  it("is replayed unchanged, with a replay count that is one higher", () => {
    const first = replayOf(readDeadLetter(2, deadLetterRecord(original)));
    expect(first).toEqual({
      key: original.key,
      value: original.value,
      timestamp: original.timestamp,
      headers: { traceparent: Buffer.from("00-1"), "fiber.dlq.replay-count": "1" },
    });
    const again = deadLetterRecord({ ...original, headers: first.headers });
    expect(replayOf(readDeadLetter(2, again)).headers).toMatchObject({
      "fiber.dlq.replay-count": "2",
    });
  });

  it.each([
    [{ class: "unknown-schema" }, true],
    [{ class: "not-avro" }, false],
    [{ key: "probe-accra-01", partition: 4, topic: "probe.metrics.raw" }, true],
    [{ partition: 5 }, false],
    [{ since: time("2026-11-24T12:00:00Z") }, true],
    [{ until: time("2026-11-24T12:00:00Z") }, false],
  ])("matches a filter: %j", (filter, isTaken) => {
    expect(matches(readDeadLetter(2, deadLetterRecord(original)), filter)).toBe(isTaken);
  });

  it("counts once if it was written twice", async () => {
    const deadLetters = [
      deadLetterRecord(original),
      deadLetterRecord(original),
      deadLetterRecord({ ...original, offset: "18" }),
    ];
    const groups = await countDeadLetters(
      (async function* () {
        for (const deadLetter of deadLetters) yield readDeadLetter(2, deadLetter);
      })(),
    );
    expect(groups).toMatchObject([{ class: "unknown-schema", schemaId: 7, count: 2 }]);
  });

  it("accepts ages, and rejects other texts", () => {
    expect(Date.now() - time("6h").ms).toBeCloseTo(6 * 3_600_000, -3);
    expect(() => time("yesterday")).toThrow("must be a time");
  });
});
