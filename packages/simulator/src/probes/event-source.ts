import { nowMicros } from "./timestamp.ts";

/** An event that is to be sent: number `number` of probe `probe`, both from 0. */
export type PlannedEvent = {
  readonly probe: number;
  readonly number: number;
  /** us since 1970, different for all events of a probe. */
  readonly micros: number;
};

export type EventSource = {
  /**
   * When the next request is due, by `performance.now()`; undefined when everything was taken.
   * At a fixed rate it does not wait for answers: it is late when the gateway is.
   */
  readonly nextDueMs: () => number | undefined;
  /** The events of the next request. */
  readonly take: () => readonly PlannedEvent[];
  /** How many events there will be; undefined when only time ends them. */
  readonly total: number | undefined;
};

export type EventPlan = {
  readonly probes: number;
  /** Events a second of each probe. */
  readonly rate: number | "unlimited";
  readonly batch: number;
  readonly durationMs: number | undefined;
  readonly maxEvents: number | undefined;
};

/** Plans events from now on; probes take turns, so that each has an equal share at any time. */
export function createEventSource(plan: EventPlan): EventSource {
  return plan.rate === "unlimited" ? unlimited(plan) : atRate(plan, plan.rate);
}

function atRate(plan: EventPlan, rate: number): EventSource {
  const startMs = performance.now();
  const startMicros = nowMicros();
  const eventsPerMs = (rate * plan.probes) / 1_000;
  const inDuration = Math.ceil((plan.durationMs ?? Infinity) * eventsPerMs - ROUNDING);
  const total = Math.min(inDuration, plan.maxEvents ?? Infinity);
  const numbering = createNumbering(plan.probes);
  let taken = 0;
  return {
    total,
    // A batch goes out with its last event.
    nextDueMs: () => {
      if (taken >= total) return undefined;
      return startMs + (Math.min(taken + plan.batch, total) - 1) / eventsPerMs;
    },
    take: () => {
      const count = Math.min(plan.batch, total - taken);
      return Array.from({ length: count }, () => {
        const micros = startMicros + Math.floor((taken / eventsPerMs) * 1_000);
        return numbering(taken++, micros);
      });
    },
  };
}

function unlimited(plan: EventPlan): EventSource {
  const endMs = performance.now() + (plan.durationMs ?? Infinity);
  const total = plan.maxEvents ?? Infinity;
  const numbering = createNumbering(plan.probes);
  let taken = 0;
  return {
    total: plan.maxEvents,
    nextDueMs: () => {
      const nowMs = performance.now();
      return taken >= total || nowMs >= endMs ? undefined : nowMs;
    },
    take: () => {
      const micros = nowMicros();
      const count = Math.min(plan.batch, total - taken);
      return Array.from({ length: count }, () => numbering(taken++, micros));
    },
  };
}

/** Gives events to probes in turn, and moves times on where a probe would have the same one twice. */
function createNumbering(probes: number): (at: number, micros: number) => PlannedEvent {
  const lastMicros = Array.from({ length: probes }, () => 0);
  return (at, micros) => {
    const probe = at % probes;
    const own = Math.max(micros, (lastMicros[probe] ?? 0) + 1);
    lastMicros[probe] = own;
    return { probe, number: Math.floor(at / probes), micros: own };
  };
}

/** 60 s of 5 events a second are 300 events, whatever the last bits of a product say. */
const ROUNDING = 1e-6;
