import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { connectSender } from "./backlog.ts";
import type { BenchBackingServices } from "../harness/backing-services.ts";
import { eventAt } from "./sample-event.ts";
import { startBenchService } from "../harness/service.ts";

export type Freshness = {
  readonly events: number;
  readonly ms: { readonly p50: number; readonly p99: number; readonly max: number };
};

const EVENTS_PER_SECOND = 100;
const POLL_INTERVAL_MS = 5;

/** Sends 100 single events/s, and polls for their rows all the time. */
export async function measureFreshness(options: {
  backingServices: BenchBackingServices;
  sql: Client;
  seconds: number;
  firstNumber: number;
}): Promise<Freshness> {
  const { backingServices, sql, firstNumber } = options;
  const total = options.seconds * EVENTS_PER_SECOND;
  const sender = await connectSender({ ...backingServices, duplicates: 0 });
  const sink = await startBenchService({
    service: "sink-writer",
    name: "sink-writer",
    backingServices,
    settings: { LOG_LEVEL: "warn" },
  });
  const appendedMs = new Map<number, number>();
  const delaysMs: number[] = [];

  const poll = async () => {
    while (delaysMs.length < total) {
      await delay(POLL_INTERVAL_MS);
      const places = [...appendedMs.keys()];
      if (places.length === 0) continue;
      const events = places.map(eventAt);
      const { rows } = await sql.query<{ number: number }>(SELECT_VISIBLE, [
        places,
        events.map(({ node_id }) => node_id),
        events.map(({ timestamp }) => timestamp),
        events.map(({ event_id }) => event_id),
      ]);
      const nowMs = performance.now();
      for (const { number } of rows) {
        delaysMs.push(nowMs - (appendedMs.get(number) ?? nowMs));
        appendedMs.delete(number);
      }
    }
  };
  const sendAll = async () => {
    const begunMs = performance.now();
    const sends: Promise<void>[] = [];
    for (let index = 0; index < total; index++) {
      await delay(Math.max(0, begunMs + (index * 1_000) / EVENTS_PER_SECOND - performance.now()));
      const number = firstNumber + index;
      sends.push(
        sender.send(number, number + 1).then(() => void appendedMs.set(number, performance.now())),
      );
    }
    await Promise.all(sends);
  };
  try {
    await Promise.all([sendAll(), poll()]);
  } finally {
    await sink.end();
    await sender.close();
  }
  const sorted = delaysMs.toSorted((one, other) => one - other);
  const at = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { events: total, ms: { p50: at(0.5), p99: at(0.99), max: at(1) } };
}

// Uses the identity index, so that a query is faster than what it measures.
const SELECT_VISIBLE = `
  SELECT number
  FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::uuid[])
    AS sent (number, node_id, micros, event_id)
  CROSS JOIN LATERAL (
    SELECT FROM metrics
    WHERE metrics.node_id = sent.node_id
      AND metrics.time = 'epoch'::timestamptz + sent.micros * interval '1 microsecond'
      AND metrics.event_id = sent.event_id
    LIMIT 1
  ) AS visible`;
