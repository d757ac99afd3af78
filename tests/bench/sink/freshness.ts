import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { connectSender } from "./backlog.ts";
import type { BenchParts } from "./parts.ts";
import { eventAt } from "./sample-event.ts";
import { startSink } from "./run-sink.ts";

export type Freshness = {
  readonly events: number;
  readonly ms: { readonly p50: number; readonly p99: number; readonly max: number };
};

const EVENTS_A_SECOND = 100;
const LOOK_EVERY_MS = 5;

/** Sends events one by one at 100/s and looks for their rows all the time. */
export async function measureFreshness(options: {
  parts: BenchParts;
  sql: Client;
  seconds: number;
  firstPlace: number;
}): Promise<Freshness> {
  const { parts, sql, firstPlace } = options;
  const total = options.seconds * EVENTS_A_SECOND;
  const sender = await connectSender({ ...parts, duplicates: 0 });
  const sink = await startSink(parts);
  const appendedMs = new Map<string, number>();
  const delaysMs: number[] = [];

  const look = async () => {
    while (delaysMs.length < total) {
      await delay(LOOK_EVERY_MS);
      const ids = [...appendedMs.keys()];
      if (ids.length === 0) continue;
      const { rows } = await sql.query<{ event_id: string }>(
        "SELECT event_id FROM metrics WHERE event_id = ANY ($1) AND time >= $2",
        [ids, new Date(eventAt(firstPlace).timestamp / 1_000 - 1)],
      );
      const nowMs = performance.now();
      for (const { event_id } of rows) {
        delaysMs.push(nowMs - (appendedMs.get(event_id) ?? nowMs));
        appendedMs.delete(event_id);
      }
    }
  };
  const sendAll = async () => {
    const begunMs = performance.now();
    const sends: Promise<void>[] = [];
    for (let index = 0; index < total; index++) {
      await delay(Math.max(0, begunMs + (index * 1_000) / EVENTS_A_SECOND - performance.now()));
      const place = firstPlace + index;
      sends.push(
        sender
          .send(place, place + 1)
          .then(() => void appendedMs.set(eventAt(place).event_id, performance.now())),
      );
    }
    await Promise.all(sends);
  };
  try {
    await Promise.all([sendAll(), look()]);
  } finally {
    await sink.end();
    await sender.close();
  }
  const sorted = delaysMs.toSorted((one, other) => one - other);
  const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { events: total, ms: { p50: at(0.5), p99: at(0.99), max: at(1) } };
}
