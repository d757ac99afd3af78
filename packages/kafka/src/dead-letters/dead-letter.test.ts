import { describe, expect, it } from "@jest/globals";
import { deadLetterOf } from "./dead-letter.ts";
import type { IncomingRecord } from "../records.ts";

const record: IncomingRecord = {
  offset: "42",
  key: Buffer.from("probe-1"),
  value: Buffer.from([0xff, 0x00]),
  timestamp: "1790000000123",
  headers: { traceparent: "00-abc" },
};
const origin = {
  topic: "probe.metrics.raw",
  partition: 3,
  groupId: "stream-processor",
  service: "stream-processor",
  stage: "decode",
};
const failedAt = new Date("2026-11-24T12:00:00Z");

describe("dead letter", () => {
  it("keeps key, value, timestamp and headers, and adds origin and reason", () => {
    const reason = {
      failureClass: "unknown-schema",
      message: "no schema id 7",
      schemaId: 7,
    } as const;
    const letter = deadLetterOf(record, origin, reason, failedAt);
    expect(letter.key).toBe(record.key);
    expect(letter.value).toBe(record.value);
    expect(letter.timestamp).toBe("1790000000123");
    expect(letter.headers).toMatchObject({
      traceparent: "00-abc",
      "__connect.errors.topic": "probe.metrics.raw",
      "__connect.errors.partition": "3",
      "__connect.errors.offset": "42",
      "__connect.errors.connector.name": "stream-processor",
      "__connect.errors.stage": "decode",
      "__connect.errors.exception.message": "no schema id 7",
      "__dlq.errors.group": "stream-processor",
      "fiber.dlq.failure-class": "unknown-schema",
      "fiber.dlq.failed-at": "2026-11-24T12:00:00.000Z",
      "fiber.dlq.schema-id": "7",
      "fiber.dlq.replay-count": "0",
    });
  });

  it("shows where it was thrown, but not the message, which may quote the payload", () => {
    const cause = new RangeError("secret value 5");
    const reason = { failureClass: "undecodable", message: "not what it says", cause } as const;
    const headers = deadLetterOf(record, origin, reason, failedAt).headers ?? {};
    expect(headers["__connect.errors.exception.class.name"]).toBe("RangeError");
    expect(headers["__connect.errors.exception.stacktrace"]).toContain("dead-letter.test.ts");
    expect(JSON.stringify(headers)).not.toContain("secret");
  });

  it("keeps how often a record was replayed", () => {
    const replayed = { ...record, headers: { "fiber.dlq.replay-count": Buffer.from("2") } };
    const reason = { failureClass: "not-avro", message: "m" } as const;
    expect(deadLetterOf(replayed, origin, reason, failedAt).headers).toMatchObject({
      "fiber.dlq.replay-count": "2",
    });
  });
});
