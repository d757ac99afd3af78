import type { ReconciliationVerdict } from "@fiberstream/sink-writer/reconciliation/reconciliation-verdict";
import { pastBounds } from "../bounds.ts";
import { type StageCounts, STAGES, type Verdict } from "../check/checker.ts";
import type { DeadLetterCounts } from "../check/dead-letter-check.ts";
import { addsPartitions, type FaultKind } from "../faults/fault-kinds.ts";
import type { UnplannedEnd } from "../platform/service-process.ts";
import type { Waits } from "../check/waits.ts";

export type FaultReport = {
  readonly kind: FaultKind;
  readonly target: string;
  /** Start, in ms since the load began. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly failure: string | undefined;
  /** Time from the fault's end; undefined if there was no new row. */
  readonly firstRowMs: number | undefined;
  readonly recoveredMs: number | undefined;
  /** Waits since the fault's start; undefined if it could not be injected. */
  readonly waits: Waits | undefined;
  /** What an affected broker coordinated, and whether other brokers' partitions had a replica on it. */
  readonly coordinates: readonly string[];
  readonly isFollower: boolean;
};

export type ChaosReport = {
  readonly seed: number;
  readonly minutes: number;
  readonly brokers: number;
  /** Whether every fault had the time for itself, so that its effects can be measured. */
  readonly alone: boolean;
  readonly accepted: number;
  readonly sentAgain: number;
  /** Number of events that were sent again, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Valid events that were rejected permanently, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: readonly FaultReport[];
  readonly verdict: Verdict;
  readonly deadLetters: DeadLetterCounts;
  /** Result of the services' own reconciliation (docs/reconciliation.md). */
  readonly books: Pick<ReconciliationVerdict, "minutes" | "events" | "differs" | "notKnown">;
  /** Rows in metric_conflicts: there should be none, because no event was sent with different content. */
  readonly conflicts: number;
  /** Nodes whose last change is not in the topic of nodes. */
  readonly unpublishedNodes: number;
  /** Nodes with rows that are missing in the table of nodes. */
  readonly missingNodes: number;
  readonly unplannedEnds: readonly Pick<UnplannedEnd, "name" | "reason">[];
  /** Services that did not stop cleanly at the end. */
  readonly badStops: readonly string[];
};

const BROKEN = ["lost", "doubled", "altered", "reordered", "unexplained"] as const;

/** Returns the violations of the guarantees as texts; none if the run was successful. */
export function brokenPromises(report: ChaosReport): string[] {
  const { stages } = report.verdict;
  const { faults, deadLetters, conflicts, unpublishedNodes, refused, badStops } = report;
  const addedPartitions = faults.some(({ kind }) => addsPartitions(kind));
  return [
    ...STAGES.flatMap((stage) =>
      BROKEN.filter(
        (kind) => stages[stage][kind] > 0 && !(stage === "raw" && kind === "doubled"),
      ).map((kind) => `${stages[stage][kind]} ${kind} in ${stage}`),
    ),
    ...(stages.enriched.doubledAcrossPartitions > 0 && !addedPartitions
      ? [`${stages.enriched.doubledAcrossPartitions} duplicated in enriched, in two partitions`]
      : []),
    ...(["vanished", "lost", "doubled", "altered", "unexplained"] as const)
      .filter((kind) => deadLetters[kind] > 0)
      .map((kind) => `${deadLetters[kind]} dead letters ${kind}`),
    ...report.books.differs.map(
      ({ minute, hop, partition, why }) =>
        `the books of ${minute} differ: ${hop} ${partition ?? ""} ${why}`,
    ),
    ...(conflicts > 0 ? [`${conflicts} conflicts`] : []),
    ...(unpublishedNodes > 0 ? [`${unpublishedNodes} nodes unpublished`] : []),
    ...(report.missingNodes > 0 ? [`${report.missingNodes} nodes missing from the table`] : []),
    ...Object.entries(refused).map(
      ([reason, events]) => `${events} valid events rejected: ${reason}`,
    ),
    ...faults
      .filter(({ failure }) => failure !== undefined)
      .map(({ kind, target, failure }) => `${kind} of ${target} could not be injected: ${failure}`),
    ...(report.alone ? faults.flatMap((fault) => tooLong(fault, report)) : []),
    ...badStops.map((stop) => `did not stop cleanly: ${stop}`),
    ...(report.accepted === 0 ? ["no event was accepted"] : []),
  ];
}

const tooLong = ({ waits, ...fault }: FaultReport, { brokers }: ChaosReport): string[] =>
  waits === undefined ? [] : pastBounds({ ...fault, waits }, { ...fault, brokers });

function renderBooks({ minutes, events, differs, notKnown }: ChaosReport["books"]): string {
  const lines = [...differs, ...notKnown].map(
    ({ minute, verdict, hop, partition, events: of, why }) =>
      `  ${minute} ${verdict}: ${hop} ${partition ?? ""}, ${of} events: ${why}\n`,
  );
  const result = `${differs.length} differ, ${notKnown.length} not known`;
  return `the services' own books: ${minutes} minutes with ${events} events, ${result}\n${lines.slice(0, MAX_LINES).join("")}`;
}

const MAX_LINES = 20;

export function renderReport(report: ChaosReport): string {
  const { deadLetters } = report;
  const sections = [
    `${report.accepted} events accepted, ${report.sentAgain} of them sent again; ${report.faults.length} faults\n`,
    table(
      ["fault", "times", "first row after", "backlog gone after", "at most"],
      byKind(report, (kind, ran) => {
        const recovered = ran.map(({ recoveredMs }) => recoveredMs ?? Infinity);
        return [
          kind,
          String(ran.length),
          seconds(median(ran.map(({ firstRowMs }) => firstRowMs ?? Infinity))),
          seconds(median(recovered)),
          seconds(Math.max(...recovered)),
        ];
      }),
    ),
    `longest waits since a fault's start${report.alone ? "" : " (faults overlap, so their effects cannot be separated)"}\n` +
      table(
        [
          "fault",
          "affected: for a row",
          "others: for a row",
          "lagged for",
          "affected: for a 202",
          "others: for a 202",
          "affected coordinators of",
        ],
        byKind(report, (kind, ran) => [
          kind,
          ...WAITS.map((name) =>
            seconds(Math.max(...ran.map(({ waits }) => waits?.[name] ?? Infinity))),
          ),
          [...new Set(ran.flatMap(({ coordinates }) => coordinates))].join(", "),
        ]),
      ),
    table(
      ["", ...STAGES],
      (Object.keys(report.verdict.stages.raw) as (keyof StageCounts)[]).map((kind) =>
        [NAMES[kind]].concat(STAGES.map((stage) => String(report.verdict.stages[stage][kind]))),
      ),
    ),
    table(
      [
        "dead letters",
        "bad records",
        "found",
        "lost",
        "doubled",
        "sink's repeats",
        "altered",
        "unexplained",
      ],
      [
        [
          "",
          ...[
            deadLetters.planted,
            deadLetters.found,
            deadLetters.lost,
            deadLetters.doubled,
            deadLetters.repeated,
          ].map(String),
          ...[deadLetters.altered, deadLetters.unexplained].map(String),
        ],
      ],
    ),
    renderBooks(report.books),
    list("sent again because of", report.reasons),
    ends(report.unplannedEnds),
    report.verdict.examples.map((example) => `  ${example}\n`).join(""),
  ];
  return sections.filter((section) => section !== "").join("\n");
}

const WAITS = [
  "affectedMs",
  "othersMs",
  "behindMs",
  "affectedUnacceptedMs",
  "othersUnacceptedMs",
] as const satisfies readonly (keyof Waits)[];

const byKind = (
  { faults }: ChaosReport,
  row: (kind: FaultKind, ran: readonly FaultReport[]) => string[],
): string[][] =>
  [...new Set(faults.map(({ kind }) => kind))].sort().map((kind) =>
    row(
      kind,
      faults.filter((fault) => fault.kind === kind),
    ),
  );

const NAMES: Record<keyof StageCounts, string> = {
  found: "found",
  lost: "lost",
  doubled: "duplicated",
  doubledAcrossPartitions: "duplicated across partitions",
  doubledBeyondWindow: "duplicated beyond the window",
  again: "enriched again",
  altered: "altered",
  reordered: "reordered",
  unexplained: "unexplained",
  unconfirmed: "unconfirmed",
};

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
        )
        .join("  ")
        .trimEnd()
        .concat("\n"),
    )
    .join("");
}

const list = (title: string, counts: Readonly<Record<string, number>>): string => {
  const lines = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return lines.length === 0
    ? ""
    : `${title}\n${lines.map(([what, count]) => `  ${String(count).padStart(8)}  ${what}\n`).join("")}`;
};

function ends(unplanned: ChaosReport["unplannedEnds"]): string {
  const counts: Record<string, number> = {};
  for (const { name, reason } of unplanned) {
    const what = `${name}: ${reason}`;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return list("unplanned exits of services", counts);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Infinity;
}

const seconds = (ms: number) => (Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : "never");
