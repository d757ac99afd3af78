import type { OutgoingRecord } from "@fiberstream/kafka/records";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { recordOf, sampleEvent, sampleType } from "./sample-rows.ts";

/** What is to become of records, by their number. */
export type Account = {
  readonly rows: number;
  readonly repeats: number;
  readonly conflicts: number;
  readonly deadLetters: number;
};

/**
 * Records of every kind, `count` of them: of a thousand ten are the one before again, two are it with
 * other content, two are refused by PostgreSQL and one is no event at all.
 */
export function mixedRecords(
  count: number,
  schemaId: number,
): { records: OutgoingRecord[]; expected: Account } {
  const records: OutgoingRecord[] = [];
  const expected = { rows: 0, repeats: 0, conflicts: 0, deadLetters: 0 };
  let last: EnrichedProbeMetric = sampleEvent();
  const add = (event: EnrichedProbeMetric) =>
    records.push({
      key: event.node_id,
      value: recordOf(sampleType.toBuffer(event), schemaId).value,
    });
  for (let place = 0; place < count; place++) {
    if (place > 0 && place % 100 === 1) {
      add(last);
      expected.repeats++;
    } else if (place % 500 === 3) {
      add({ ...last, latency_ms: last.latency_ms + 1 });
      expected.conflicts++;
    } else if (place % 500 === 5) {
      add(sampleEvent({ node_id: `n${place % 97}`, metadata: "{" }));
      expected.deadLetters++;
    } else if (place % 1_000 === 7) {
      records.push({ key: `n${place % 97}`, value: Buffer.from("no event") });
      expected.deadLetters++;
    } else {
      last = sampleEvent({ node_id: `n${place % 97}` });
      add(last);
      expected.rows++;
    }
  }
  return { records, expected };
}
