import { Counter, Gauge, type Registry } from "prom-client";
import { type Guard, GUARDS } from "./trail/broken-trail.ts";

/** What came of sending a checkpoint to a witness. */
export const WITNESS_OUTCOMES = ["cosigned", "accepted", "unusable", "failed"] as const;
export type WitnessOutcome = (typeof WITNESS_OUTCOMES)[number];

export type AuditorMetrics = ReturnType<typeof createAuditorMetrics>;

/** @param options.unsignedSeconds called when the metrics are scraped: how long an entry has waited for a checkpoint, 0 if none does */
export function createAuditorMetrics(options: {
  registry: Registry;
  unsignedSeconds: () => number;
}) {
  const { registry } = options;
  const registers = [registry];
  const leads = new Gauge({
    name: "fiberstream_auditor_leads",
    help: "1 in the one auditor that publishes and signs, 0 in those that wait to take over. 0 in all: see /readyz of each",
    registers,
  });
  const broken = new Gauge({
    name: "fiberstream_auditor_trail_broken",
    help: "1 if the audit trail does not continue what was signed or published before, by the guard that saw it; nothing more is signed. Runbook audit-broken",
    labelNames: ["guard"],
    registers,
  });
  const published = new Counter({
    name: "fiberstream_auditor_published_entries_total",
    help: "Entries of the audit trail that were published to the topic audit.entries, repeats included",
    registers,
  });
  const checkpoints = new Counter({
    name: "fiberstream_auditor_checkpoints_total",
    help: "Checkpoints that were signed: one every 5 minutes in which the trail grows, one at each start and one when an operator demands it",
    registers,
  });
  const signedEntries = new Gauge({
    name: "fiberstream_auditor_signed_entries",
    help: "Entries of the audit trail that the newest checkpoint has signed",
    registers,
  });
  const witnessed = new Counter({
    name: "fiberstream_auditor_witness_requests_total",
    help: "Checkpoints sent to witnesses, by outcome. cosigned: the answer was a signature; accepted: it was not; unusable: its signatures cannot be kept; failed: no good answer after three tries",
    labelNames: ["outcome"],
    registers,
  });
  const backInTime = new Counter({
    name: "fiberstream_auditor_clock_contradictions_total",
    help: "Entries and checkpoints whose time is before that of an earlier checkpoint. The clock of the database server or of the auditor was turned back",
    registers,
  });
  registry.registerMetric(
    new Gauge({
      name: "fiberstream_auditor_unsigned_seconds",
      help: "How long the oldest entry without a checkpoint has waited since the auditor read it; normally less than 300. Above: Kafka, the file of checkpoints or the auditor itself. Runbook audit-checkpoints-late",
      registers: [],
      collect() {
        this.set(options.unsignedSeconds());
      },
    }),
  );
  // All series exist from the start: Prometheus sees no increase when a series appears with its first count.
  leads.set(0);
  for (const guard of GUARDS) broken.set({ guard }, 0);
  for (const outcome of WITNESS_OUTCOMES) witnessed.inc({ outcome }, 0);

  return {
    setLeads: (isLeader: boolean) => leads.set(isLeader ? 1 : 0),
    setBroken: (guard: Guard) => broken.set({ guard }, 1),
    countPublished: (entries: number) => published.inc(entries),
    countCheckpoint: (size: number) => {
      checkpoints.inc();
      signedEntries.set(size);
    },
    countWitness: (outcome: WitnessOutcome) => witnessed.inc({ outcome }),
    countContradiction: () => backInTime.inc(),
  };
}
