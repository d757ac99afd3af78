import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
beforeAll(async () => {
  intake = await startTestIntake();
});
afterAll(() => intake.close());

type Grow = (text: string) => Record<string, unknown>;

/** An event of exactly so many bytes. */
const ofBytes = (bytes: number, grow: Grow) => {
  const empty = JSON.stringify(exampleEvent(grow("")));
  return JSON.stringify(exampleEvent(grow("x".repeat(bytes - Buffer.byteLength(empty)))));
};
const WAYS: [string, Grow][] = [
  ["metadata", (text) => ({ metadata: { text } })],
  ["an unknown field", (unknown) => ({ unknown })],
  ["unknown lists", (text) => ({ unknown: [[1, null, true, -1.5], { "é\n": [text] }] })],
];

describe("an event of a batch", () => {
  it.each(WAYS)("may have 4,096 bytes and not one more: %s", async (_what, grow) => {
    const [fits, past] = [ofBytes(4_096, grow), ofBytes(4_097, grow)];
    const batch = await intake.post("/api/ingest", ` [ ${past} ,\n${fits}]`);
    expect(await batch.json()).toMatchObject({
      data: { accepted: 1, rejected: 1 },
      results: [
        { index: 0, code: "TOO_LONG", message: expect.stringMatching(/^an event .* 4096 bytes/) },
      ],
    });
    const lines = { "content-type": "application/x-ndjson" };
    const alone = await intake.post("/api/ingest", past, lines);
    expect(alone.status).toBe(422);
    expect((await intake.post("/api/push", fits)).status).toBe(202);
    expect((await intake.post("/api/push", past)).status).toBe(413);
  });
});
