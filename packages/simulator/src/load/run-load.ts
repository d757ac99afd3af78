import type { EventSource, PlannedEvent } from "../probes/event-source.ts";
import type { GatewayClient } from "./gateway-client.ts";
import type { Ledger } from "./ledger.ts";
import type { Probe } from "../probes/probe.ts";
import { readAnswer, type Refusals, unanswered } from "./read-answer.ts";
import type { Tally } from "./tally.ts";

/** Additional time for a gateway that is too slow for the rate to answer the requests that were due. */
const OVERTIME_MS = 10_000;

/**
 * Sends the planned events when they are due, with at most `concurrency` requests at once. Latencies are measured from
 * when a request was due, so that a gateway that stalls does not hide how long senders would have waited.
 *
 * @param load.ledger gets the result of each event
 * @param load.stopping ends the load early; requests in flight are awaited
 * @returns after all answers: how long sending took, and how many due events were never sent
 */
export async function runLoad(load: {
  fleet: readonly Probe[];
  source: EventSource;
  client: GatewayClient;
  form: "single" | "batch";
  concurrency: number;
  durationMs: number | undefined;
  tally: Tally;
  ledger: Ledger | undefined;
  stopping: AbortSignal;
}): Promise<{ elapsedMs: number; unsent: number }> {
  const { fleet, source, client, form, tally, ledger, stopping } = load;
  const path = form === "single" ? "/api/push" : "/api/ingest";
  const startMs = performance.now();
  const giveUpMs = startMs + (load.durationMs ?? Infinity) + OVERTIME_MS;
  const ended = Promise.withResolvers<void>();
  let inFlight = 0;
  let timer: NodeJS.Timeout | undefined;

  const pump = () => {
    clearTimeout(timer);
    while (inFlight < load.concurrency) {
      const dueMs = source.nextDueMs();
      const nowMs = performance.now();
      if (dueMs === undefined || stopping.aborted || nowMs > giveUpMs) {
        if (inFlight === 0) ended.resolve();
        return;
      }
      if (dueMs > nowMs) {
        timer = setTimeout(pump, dueMs - nowMs);
        return;
      }
      inFlight++;
      void send(source.take(), dueMs).then(() => {
        inFlight--;
        pump();
      });
    }
  };

  const send = async (events: readonly PlannedEvent[], dueMs: number) => {
    tally.sent(events.length);
    if (ledger) for (const event of events) ledger.sent(event);
    let refusals: Refusals;
    try {
      const answer = await client.post(path, bodyOf(events, fleet, form));
      tally.answered(performance.now() - dueMs);
      refusals = readAnswer(answer, events.length);
    } catch (error) {
      refusals = unanswered(error, events.length);
    }
    const answeredMs = performance.now();
    tally.accepted(events.length - refusals.size);
    for (const reason of refusals.values()) tally.refused(reason);
    if (ledger) recordResults(ledger, events, refusals, answeredMs);
  };

  stopping.addEventListener("abort", pump, { once: true });
  pump();
  await ended.promise;
  stopping.removeEventListener("abort", pump);
  const { sent } = tally.counts();
  const unsent = stopping.aborted ? 0 : Math.max(0, (source.total ?? sent) - sent);
  return { elapsedMs: performance.now() - startMs, unsent };
}

function bodyOf(
  events: readonly PlannedEvent[],
  fleet: readonly Probe[],
  form: "single" | "batch",
): string {
  const metrics = events.map(({ probe, number, micros }) => fleet[probe]?.eventAt(number, micros));
  return JSON.stringify(form === "single" ? metrics[0] : { metrics });
}

function recordResults(
  ledger: Ledger,
  events: readonly PlannedEvent[],
  refusals: Refusals,
  answeredMs: number,
): void {
  for (const [index, event] of events.entries()) {
    if (refusals.has(index)) ledger.refused(event);
    else ledger.accepted(event, answeredMs);
  }
}
