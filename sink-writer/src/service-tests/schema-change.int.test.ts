import type { RecordField, RecordSchema } from "@fiberstream/schemas/avro-schema";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { sampleEvent, sampleSchema } from "../testing/sample-rows.ts";
import { createSinkFixture, type SinkFixture } from "../testing/sink-fixture.ts";

let fixture: SinkFixture;
beforeEach(async () => {
  fixture = await createSinkFixture();
});
afterEach(() => fixture.stop());

const jitter: RecordField = {
  name: "unheard_of_ms",
  type: ["null", "double"],
  doc: "How much the round-trip time varies.",
  default: null,
};
const newer: RecordSchema = { ...sampleSchema, fields: [...sampleSchema.fields, jitter] };
const older: RecordSchema = {
  ...sampleSchema,
  fields: sampleSchema.fields.filter(({ name }) => name !== "quality"),
};

const stored = async (columns: string) =>
  (
    await fixture.sql.query<Record<string, unknown>>(
      `SELECT ${columns} FROM metrics ORDER BY latency_ms`,
    )
  ).rows;
const withJitter = (latency_ms: number, unheard_of_ms: number | null) => ({
  ...sampleEvent({ node_id: "n1", latency_ms }),
  unheard_of_ms,
});

describe("a change of the schema", () => {
  it("is supported while older and newer records arrive, and its field is kept until it has a column", async () => {
    const first = await fixture.start();
    await fixture.send([withJitter(1, null)], older);
    await fixture.send([withJitter(2, null)]);
    await fixture.send([withJitter(3, 0.5), withJitter(4, null)], newer);
    await fixture.untilStored(4);
    expect(await stored("quality, extra")).toEqual([
      { quality: "unknown", extra: null },
      { quality: "good", extra: null },
      { quality: "good", extra: { unheard_of_ms: 0.5 } },
      { quality: "good", extra: null },
    ]);

    // A migration comes while the sink runs: nothing changes for it until it is started again.
    await fixture.sql.query("ALTER TABLE metrics ADD COLUMN unheard_of_ms double precision");
    await fixture.send([withJitter(5, 0.25)], newer);
    await fixture.untilStored(5);
    expect(await first.stop()).toBe(0);
    await fixture.start();
    await fixture.send([withJitter(6, 0.125)], newer);
    await fixture.send([withJitter(7, null)], older);
    await fixture.untilStored(7);
    expect((await stored("unheard_of_ms, extra")).slice(4)).toEqual([
      { unheard_of_ms: null, extra: { unheard_of_ms: 0.25 } },
      { unheard_of_ms: 0.125, extra: null },
      { unheard_of_ms: null, extra: null },
    ]);
  });
});
