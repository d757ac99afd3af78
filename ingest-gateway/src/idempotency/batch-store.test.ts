import { randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { answerBatch, answerOne } from "../ingest-answers.ts";
import { createAcknowledgedEvents } from "./acknowledged-events.ts";
import { restoredAnswer, storedAnswer } from "./batch-store.ts";

const batchId = randomUUID();
const of = (accepted: number, rejected: number, sourceRegion: string | null) => {
  const indexes = Array.from({ length: accepted }, (_, index) => index);
  const rejections = Array.from({ length: rejected }, (_, place) => ({
    index: accepted + place,
    faults: [
      { code: "OUT_OF_RANGE", field: "latency_ms", message: `$& \u0002 ${batchId}` },
    ] as const,
  }));
  const checked = { indexes, eventId: undefined, rejections, unknownFields: 0 };
  const deliveries = indexes.map(() => "accepted" as const);
  const outcome = { deliveries, acknowledged: createAcknowledgedEvents(), batchId, sourceRegion };
  return answerBatch(checked, outcome).answer.body;
};

describe("stored answers", () => {
  it.each([
    ["a whole batch", of(500, 0, null)],
    ["a relay's batch", of(10_000, 0, 'eu "$1" \u0003')],
    ["a batch with rejected events", of(2, 3, null)],
    ["a batch with very many", of(2, 9_998, "eu-west")],
  ])("are restored byte for byte: %s", (_what, body) => {
    expect(restoredAnswer(storedAnswer(body, batchId), batchId)).toBe(body);
  });

  it("are restored byte for byte: a single event", () => {
    const checked = { indexes: [0], eventId: batchId, rejections: [], unknownFields: 0 };
    const acknowledged = createAcknowledgedEvents();
    const outcome = {
      deliveries: ["accepted"],
      acknowledged,
      batchId,
      sourceRegion: null,
    } as const;
    const { body } = answerOne(checked, outcome).answer;
    expect(restoredAnswer(storedAnswer(body, batchId), batchId)).toBe(body);
  });

  it("are small", () => {
    expect(storedAnswer(of(500, 0, "eu-west"), batchId).length).toBeLessThanOrEqual(22);
    expect(storedAnswer(of(2, 9_998, "eu-west"), batchId).length).toBeLessThan(40_000);
  });
});
