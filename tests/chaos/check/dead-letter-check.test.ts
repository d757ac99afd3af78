import type { IncomingRecord } from "@fiberstream/kafka/records";
import { describe, expect, it } from "@jest/globals";
import { createDeadLetterCheck, type DeadLetterCheck } from "./dead-letter-check.ts";

const record = (offset: number, value = `bad ${offset}`): IncomingRecord => ({
  offset: String(offset),
  key: null,
  value: Buffer.from(value),
  timestamp: "0",
});

const letterOf = (topic: string, offset: number, value?: string): IncomingRecord => ({
  ...record(offset, value),
  headers: {
    "__connect.errors.topic": topic,
    "__connect.errors.partition": "3",
    "__connect.errors.offset": String(offset),
  },
});

function checkWith(look: (check: DeadLetterCheck) => void, acknowledged = 2) {
  const check = createDeadLetterCheck("raw");
  check.bad("raw", 3, record(1));
  check.bad("enriched", 3, record(2));
  look(check);
  return check.verdict(acknowledged);
}

const CLEAN = { vanished: 0, lost: 0, doubled: 0, altered: 0, unexplained: 0 };

describe("the check of dead letters", () => {
  it("takes one for each bad record, and a sink's repeat", () => {
    const counts = checkWith((check) => {
      check.letter(letterOf("raw", 1));
      check.letter(letterOf("enriched", 2));
      check.letter(letterOf("enriched", 2));
    });
    expect(counts).toEqual({ ...CLEAN, planted: 2, found: 3, repeated: 1 });
  });

  it("allows the processor one more each time that its offsets were deleted, and names what is lost", () => {
    const check = createDeadLetterCheck("raw");
    check.bad("raw", 3, record(1));
    for (let times = 0; times < 3; times++) check.letter(letterOf("raw", 1));
    expect(check.verdict(1, 1).doubled).toBe(1);
    expect(check.verdict(1, 2).doubled).toBe(0);
    expect(check.lost()).toEqual([]);
    check.bad("enriched", 3, record(2));
    expect(check.lost()).toEqual(["dead letter lost: of enriched 3 2"]);
  });

  it("finds a lost, a doubled, an altered and an unexplained one, and bad records that vanished", () => {
    const counts = checkWith((check) => {
      check.letter(letterOf("raw", 1, "other bytes"));
      check.letter(letterOf("raw", 1));
      check.letter(letterOf("raw", 7));
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
