import { expect, it } from "@jest/globals";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { createTurns } from "../admission/take-turns.ts";
import { createAcknowledgedEvents } from "../idempotency/acknowledged-events.ts";
import { createEventValidator } from "@fiberstream/event-rules/validate-event";
import { validateEvents } from "./validate-events.ts";

const validator = createEventValidator({
  schema: readAvroSchema("ProbeMetric"),
  maxAgeMs: 1,
  maxAheadMs: 1,
  metadataMaxBytes: 4_096,
});
const origin = { id: "k", tenant: "acme", sourceRegion: null, receivedAtMicros: 0 };

it("keeps nothing but the code of rejections past those that are explained", async () => {
  const { checked } = await validateEvents({ count: 1_000, inputAt: () => ({}) }, origin, {
    validator,
    acknowledged: createAcknowledgedEvents(),
    takeTurns: createTurns({ turnMs: 3 }),
  });
  const faults = checked.rejections.map((rejection) => rejection.faults);
  expect(faults).toHaveLength(1_000);
  expect(faults[99]?.map(({ field }) => field)).toContain("timestamp");
  expect(faults[100]).toEqual([{ code: "REQUIRED", message: "" }]);
  // One list for all of them.
  expect(new Set(faults.slice(100)).size).toBe(1);
});
