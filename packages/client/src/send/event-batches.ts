import type { ProbeEvent } from "@fiberstream/schemas/generated/records";

export type EventBatch = { readonly body: string; readonly count: number };

/** The gateway's limits are 10,000 events and 10 MB. */
const MAX_EVENTS = 10_000;
const MAX_BYTES = 10_000_000;

/** Returns events as NDJSON bodies within the gateway's limits, in order. */
export function* batchesOf(events: readonly ProbeEvent[]): Generator<EventBatch, void, undefined> {
  let lines: string[] = [];
  let bytes = 0;
  for (const event of events) {
    const line = JSON.stringify(event);
    const lineBytes = Buffer.byteLength(line) + 1;
    if (lines.length > 0 && (lines.length === MAX_EVENTS || bytes + lineBytes > MAX_BYTES)) {
      yield { body: lines.join("\n"), count: lines.length };
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += lineBytes;
  }
  if (lines.length > 0) yield { body: lines.join("\n"), count: lines.length };
}
