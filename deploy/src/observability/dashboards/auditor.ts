import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";

export const auditor: Dashboard = {
  uid: "auditor",
  title: "auditor",
  description: "Whether the audit trail is whole, published and signed.",
  rows: [
    {
      title: "Audit trail",
      panels: [
        lines({
          title: "Guards that found a change",
          description:
            "Above 0: the trail does not continue what was signed or published. Nothing more is signed; see the runbook audit-broken",
          limit: { warnAt: 1 },
          queries: [
            {
              expr: "max by (guard) (fiberstream_auditor_trail_broken)",
              legend: "{{guard}}",
            },
          ],
        }),
        lines({
          title: "Signed entries",
          description: "How many entries the newest checkpoint of each auditor has signed",
          queries: [
            {
              expr: "max by (instance) (fiberstream_auditor_signed_entries)",
              legend: "{{instance}}",
            },
          ],
        }),
        lines({
          title: "Age of the oldest entry without a checkpoint",
          description: "Normally below 5 minutes",
          unit: "s",
          limit: { warnAt: 900 },
          queries: [{ expr: "max(fiberstream_auditor_unsigned_seconds)", legend: "oldest" }],
        }),
        lines({
          title: "Published entries and checkpoints",
          description: "Entries are what people and commands change",
          unit: "cps",
          queries: [
            {
              expr: "sum(rate(fiberstream_auditor_published_entries_total[5m]))",
              legend: "entries",
            },
            { expr: "sum(rate(fiberstream_auditor_checkpoints_total[5m]))", legend: "checkpoints" },
          ],
        }),
        lines({
          title: "Checkpoints sent to witnesses",
          description: "failed: the witness gave no good answer in three tries",
          unit: "cps",
          queries: [
            {
              expr: "sum by (outcome) (rate(fiberstream_auditor_witness_requests_total[5m]))",
              legend: "{{outcome}}",
            },
          ],
        }),
        lines({
          title: "Auditors that lead, and clocks that were turned back",
          description:
            "Exactly one leads. A contradiction: an entry or a checkpoint is older than an earlier checkpoint",
          queries: [
            { expr: "sum(fiberstream_auditor_leads)", legend: "lead" },
            {
              expr: "sum(increase(fiberstream_auditor_clock_contradictions_total[5m]))",
              legend: "contradictions",
            },
          ],
        }),
      ],
    },
    processRow("auditor"),
  ],
};
