import type { IncomingRecord } from "@fiberstream/kafka/records";
import { describe, expect, it } from "@jest/globals";
import { createDeadLetterCheck, type DeadLetterCheck } from "./dead-letter-check.ts";

const record = (offset: number, value = `bad ${offset}`): IncomingRecord => ({
  offset: String(offset),
  key: null,
  value: Buffer.from(value),
  timestamp: "0",
});

const deadLetterOf = (topic: string, offset: number, value?: string): IncomingRecord => ({
  ...record(offset, value),
  headers: {
    "__connect.errors.topic": topic,
    "__connect.errors.partition": "3",
    "__connect.errors.offset": String(offset),
  },
});

function checkWith(feed: (check: DeadLetterCheck) => void, acknowledged = 2) {
  const check = createDeadLetterCheck("raw");
  check.bad("raw", 3, record(1));
  check.bad("enriched", 3, record(2));
  feed(check);
  return check.verdict(acknowledged);
}

const CLEAN = { vanished: 0, lost: 0, doubled: 0, altered: 0, unexplained: 0 };

describe("the check of dead letters", () => {
  it("accepts one for each bad record, and a duplicate of the sink", () => {
    const counts = checkWith((check) => {
      check.deadLetter(deadLetterOf("raw", 1));
      check.deadLetter(deadLetterOf("enriched", 2));
      check.deadLetter(deadLetterOf("enriched", 2));
    });
    expect(counts).toEqual({ ...CLEAN, planted: 2, found: 3, repeated: 1 });
  });

  it("allows the processor one more for each deletion of its offsets, and names the lost ones", () => {
    const check = createDeadLetterCheck("raw");
    check.bad("raw", 3, record(1));
    for (let times = 0; times < 3; times++) check.deadLetter(deadLetterOf("raw", 1));
    expect(check.verdict(1, 1).doubled).toBe(1);
    expect(check.verdict(1, 2).doubled).toBe(0);
    expect(check.lost()).toEqual([]);
    check.bad("enriched", 3, record(2));
    expect(check.lost()).toEqual(["dead letter lost: of enriched 3 2"]);
  });

  it("finds lost, duplicated, altered and unexplained ones, and bad records that vanished", () => {
    const counts = checkWith((check) => {
      check.deadLetter(deadLetterOf("raw", 1, "other bytes"));
      check.deadLetter(deadLetterOf("raw", 1));
      check.deadLetter(deadLetterOf("raw", 7));
    }, 3);
    expect(counts).toMatchObject({
      lost: 1,
      doubled: 1,
      altered: 1,
      unexplained: 1,
      vanished: 1,
    });
  });
});
