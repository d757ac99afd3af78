import type { OutgoingRecord } from "@fiberstream/kafka/records";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { recordOf, sampleEvent, sampleType } from "./sample-rows.ts";

/** The expected result for records, as counts. */
export type Account = {
  readonly rows: number;
  readonly repeats: number;
  readonly conflicts: number;
  readonly deadLetters: number;
};

/**
 * Returns `count` records of every kind. Of a thousand, ten are duplicates of the one before, two are in conflict with
 * it, PostgreSQL rejects two, and one is not an event at all.
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
  for (let at = 0; at < count; at++) {
    if (at > 0 && at % 100 === 1) {
      add(last);
      expected.repeats++;
    } else if (at % 500 === 3) {
      add({ ...last, latency_ms: (last.latency_ms ?? 0) + 1 });
      expected.conflicts++;
    } else if (at % 500 === 5) {
      add(sampleEvent({ node_id: `n${at % 97}`, metadata: "{" }));
      expected.deadLetters++;
    } else if (at % 1_000 === 7) {
      records.push({ key: `n${at % 97}`, value: Buffer.from("no event") });
      expected.deadLetters++;
    } else {
      last = sampleEvent({ node_id: `n${at % 97}` });
      add(last);
      expected.rows++;
    }
  }
  return { records, expected };
}
