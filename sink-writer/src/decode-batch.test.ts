import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { RecordBatch } from "@fiberstream/kafka/records";
import { dead, ok } from "@fiberstream/runtime/outcome";
import { describe, expect, it } from "@jest/globals";
import { decodeBatch } from "./decode-batch.ts";
import type { MetricEvent } from "./metric-row.ts";
import { sampleEvent } from "./testing/sample-rows.ts";

const notAvro = { failureClass: "not-avro", message: "no magic byte" } as const;

/** Values are JSON here; "bad" is what the decoder cannot read. */
const decoder: RecordDecoder<MetricEvent> = {
  prepare: async () => {},
  decode: (value) =>
    String(value) === "bad" ? dead(notAvro) : ok(JSON.parse(String(value)) as MetricEvent),
};

const batchOf = (values: readonly string[]): RecordBatch => ({
  topic: "t",
  partition: 0,
  records: values.map((value, offset) => ({
    offset: String(offset),
    key: null,
    value: Buffer.from(value),
    timestamp: "0",
  })),
  firstOffset: 0n,
  nextOffset: BigInt(values.length),
  highWatermark: BigInt(values.length),
});

describe("decodeBatch", () => {
  it("keeps rows in order and sets bad records aside with their reason", async () => {
    const events = [sampleEvent(), sampleEvent()];
    const [first, second] = events.map((event) => JSON.stringify(event));
    const { rows, dead: aside } = await decodeBatch(
      decoder,
      batchOf([first ?? "", "bad", second ?? ""]),
    );
    expect(rows.map(({ event }) => event)).toEqual(events);
    expect(rows.map(({ record }) => record.offset)).toEqual(["0", "2"]);
    expect(aside).toMatchObject([{ record: { offset: "1" }, reason: notAvro }]);
  });

  it.each(["", "5f0c1c1e7a435d6e9c550d6c2f0f4a11", "5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a1g"])(
    "sets a record aside whose event_id is %j",
    async (event_id) => {
      const { rows, dead: aside } = await decodeBatch(
        decoder,
        batchOf([JSON.stringify(sampleEvent({ event_id }))]),
      );
      expect(rows).toEqual([]);
      expect(aside).toMatchObject([{ reason: { failureClass: "invalid-record" } }]);
    },
  );
});
