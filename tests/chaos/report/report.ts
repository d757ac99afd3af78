import type { ReconciliationVerdict } from "@fiberstream/sink-writer/reconciliation/reconciliation-verdict";
import { pastBounds } from "../bounds.ts";
import { type StageCounts, STAGES, type Verdict } from "../check/checker.ts";
import type { DeadLetterCounts } from "../check/dead-letter-check.ts";
import { addsPartitions, type FaultKind } from "../faults/fault-kinds.ts";
import type { UnplannedEnd } from "../platform/service-process.ts";
import type { Waits } from "../check/waits.ts";

type FaultReport = {
  readonly kind: FaultKind;
  readonly target: string;
  /** ms since the load began. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly failure: string | undefined;
  /** From its end; undefined when it never came. */
  readonly firstRowMs: number | undefined;
  readonly recoveredMs: number | undefined;
  /** From its beginning; undefined when it could not be begun. */
  readonly waits: Waits | undefined;
  /** What a struck broker did beside leading partitions. */
  readonly coordinates: readonly string[];
};

export type ChaosReport = {
  readonly seed: number;
  readonly minutes: number;
  readonly brokers: number;
  /** Whether every fault had the time for itself, so that what it cost can be told. */
  readonly alone: boolean;
  readonly accepted: number;
  readonly sentAgain: number;
  /** Why senders had to try again, by how many events. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Valid events that were refused for good. */
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: readonly FaultReport[];
  readonly verdict: Verdict;
  readonly deadLetters: DeadLetterCounts;
  /** What the services' own books say of it (docs/reconciliation.md). */
  readonly books: Pick<ReconciliationVerdict, "minutes" | "events" | "differs" | "notKnown">;
  /** Rows in metric_conflicts: nobody sent an event with two contents. */
  readonly conflicts: number;
  /** Nodes that are not in the topic of nodes as they are in the table. */
  readonly unpublishedNodes: number;
  /** Nodes that have rows and are not in the table of nodes. */
  readonly missingNodes: number;
  readonly unplannedEnds: readonly Pick<UnplannedEnd, "name" | "how">[];
  /** Services that did not stop well at the end. */
  readonly badStops: readonly string[];
};

const BROKEN = ["lost", "doubled", "altered", "reordered", "unexplained"] as const;

/** What breaks the promise, in words; empty when it was kept. */
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
      ? [`${stages.enriched.doubledAcrossPartitions} doubled in enriched, in two partitions`]
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
      ([reason, events]) => `${events} valid events refused: ${reason}`,
    ),
    ...faults
      .filter(({ failure }) => failure !== undefined)
      .map(({ kind, target, failure }) => `${kind} of ${target} could not be done: ${failure}`),
    ...(report.alone ? faults.flatMap((fault) => tooLong(fault, report)) : []),
    ...badStops.map((stop) => `did not stop well: ${stop}`),
    ...(report.accepted === 0 ? ["no event was accepted"] : []),
  ];
}

const tooLong = ({ waits, ...fault }: FaultReport, { brokers }: ChaosReport): string[] =>
  waits === undefined
    ? []
    : pastBounds({ ...fault, waits }, { brokers, coordinates: fault.coordinates });

function renderBooks({ minutes, events, differs, notKnown }: ChaosReport["books"]): string {
  const lines = [...differs, ...notKnown].map(
    ({ minute, verdict, hop, partition, events: of, why }) =>
      `  ${minute} ${verdict}: ${hop} ${partition ?? ""}, ${of} events: ${why}\n`,
  );
  const said = `${differs.length} differ, ${notKnown.length} not known`;
  return `the services' own books: ${minutes} minutes with ${events} events, ${said}\n${lines.slice(0, MOST_LINES).join("")}`;
}

const MOST_LINES = 20;

export function renderReport(report: ChaosReport): string {
  const { deadLetters: letters } = report;
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
    `longest waits from a fault's beginning on${report.alone ? "" : " (faults overlap: what one cost cannot be told from another)"}\n` +
      table(
        [
          "fault",
          "struck: for a row",
          "others: for a row",
          "behind for",
          "struck: for a 202",
          "others: for a 202",
          "struck coordinators of",
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
          ...[letters.planted, letters.found, letters.lost, letters.doubled, letters.repeated].map(
            String,
          ),
          ...[letters.altered, letters.unexplained].map(String),
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
  "struckMs",
  "othersMs",
  "behindMs",
  "struckUnacceptedMs",
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
  doubled: "doubled",
  doubledAcrossPartitions: "doubled over partitions",
  doubledBeyondWindow: "doubled beyond the window",
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
  for (const { name, how } of unplanned) {
    const what = `${name}: ${how}`;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return list("ends of services that no fault asked for", counts);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Infinity;
}

const seconds = (ms: number) => (Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : "never");
