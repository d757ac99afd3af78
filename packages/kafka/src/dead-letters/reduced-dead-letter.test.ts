import { describe, expect, it } from "@jest/globals";
import type { OutgoingRecord } from "../records.ts";
import { reducedDeadLetter } from "./reduced-dead-letter.ts";

const letter: OutgoingRecord = {
  key: Buffer.from("probe-1"),
  value: Buffer.alloc(900_000, "x"),
  timestamp: "1790000000123",
  headers: { traceparent: "00-abc", "__connect.errors.offset": "42" },
};

/** The letter as it is after `times` refusals. */
const refused = (times: number, type: string, from = letter): OutgoingRecord | undefined => {
  let left: OutgoingRecord | undefined = from;
  for (let time = 0; time < times; time++) left = left && reducedDeadLetter(left, type);
  return left;
};

describe("a dead letter that is too large", () => {
  it("keeps the beginning of its value, and says how long that was", () => {
    const less = reducedDeadLetter(letter, "MESSAGE_TOO_LARGE");
    expect(less?.value).toEqual(letter.value?.subarray(0, 56_250));
    expect(less).toMatchObject({
      key: letter.key,
      timestamp: letter.timestamp,
      headers: { ...letter.headers, "fiber.dlq.value-bytes": "900000" },
    });
  });

  it("is reduced to the headers with its origin at most", () => {
    const least = refused(5, "MESSAGE_TOO_LARGE");
    expect(least).toEqual({
      key: letter.key,
      value: Buffer.alloc(0),
      timestamp: letter.timestamp,
      headers: { "__connect.errors.offset": "42", "fiber.dlq.value-bytes": "900000" },
    });
    expect(refused(6, "MESSAGE_TOO_LARGE")).toBeUndefined();
  });

  it("omits a key that is too large itself", () => {
    const large = { ...letter, key: Buffer.alloc(900_000) };
    expect(refused(5, "MESSAGE_TOO_LARGE", large)?.key).toBeNull();
  });
});

it("gets the current time once if Kafka rejects its timestamp, and keeps the original one", () => {
  const less = reducedDeadLetter(letter, "INVALID_TIMESTAMP");
  expect(less).toEqual({
    key: letter.key,
    value: letter.value,
    headers: { ...letter.headers, "fiber.dlq.record-timestamp": "1790000000123" },
  });
  expect(refused(2, "INVALID_TIMESTAMP")).toBeUndefined();
});

it("is not reduced if Kafka rejects it for another reason", () => {
  expect(reducedDeadLetter(letter, "INVALID_RECORD")).toBeUndefined();
});
