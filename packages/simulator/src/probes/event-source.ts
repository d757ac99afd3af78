import { nowMicros } from "./timestamp.ts";

/** An event to send: event `number` of probe `probe`, both from 0. */
export type PlannedEvent = {
  readonly probe: number;
  readonly number: number;
  /** Time in us since 1970, different for all events of a probe. */
  readonly micros: number;
};

export type EventSource = {
  /**
   * Returns when the next request is due, by `performance.now()`; undefined if there are no more events. At a fixed
   * rate it does not depend on answers: requests are overdue if the gateway is slow.
   */
  readonly nextDueMs: () => number | undefined;
  /** Returns the events of the next request. */
  readonly take: () => readonly PlannedEvent[];
  /** Number of events; undefined if only the duration limits them. */
  readonly total: number | undefined;
};

export type EventPlan = {
  readonly probes: number;
  /** Events per second of each probe. */
  readonly rate: number | "unlimited";
  readonly batch: number;
  readonly durationMs: number | undefined;
  readonly maxEvents: number | undefined;
};

/** Plans events from now on. Probes take turns, so that each has an equal share at any time. */
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
    // A batch is due when its last event is due.
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

/** Assigns events to probes in turn, and increases a time that a probe would otherwise have twice. */
function createNumbering(probes: number): (at: number, micros: number) => PlannedEvent {
  const lastMicros = Array.from({ length: probes }, () => 0);
  return (at, micros) => {
    const probe = at % probes;
    const own = Math.max(micros, (lastMicros[probe] ?? 0) + 1);
    lastMicros[probe] = own;
    return { probe, number: Math.floor(at / probes), micros: own };
  };
}

/** Compensates rounding, so that 60 s of 5 events per second are 300 events. */
const ROUNDING = 1e-6;
