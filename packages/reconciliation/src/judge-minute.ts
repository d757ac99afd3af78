import { type DigestValues, isSame, merged, NO_EVENTS } from "./digest.ts";
import type { BookValues } from "./minute-books.ts";

export type Verdict = "ok" | "differs" | "not known";

/** The hop with a difference, named by its input. */
export type Hop = "raw" | "enriched" | "rows" | "table";

/** A difference, or the reason why the result is not known. */
export type Finding = {
  readonly verdict: Exclude<Verdict, "ok">;
  readonly hop: Hop;
  /** Null for the table, which has no partitions. */
  readonly partition: number | null;
  /** The least number of events; 0 if not known. */
  readonly events: number;
  /** The first offset concerned, if it follows from the books: of raw, or of enriched in the hop "enriched". */
  readonly offset: string | null;
  readonly why: string;
};

export type Break = {
  readonly stage: "processor" | "sink";
  readonly partition: number;
  readonly kind: "skipped" | "read again" | "without a record";
  readonly from: bigint;
  readonly to: bigint;
  readonly events: number;
};

/** What the books and the topics say about a minute's events in one partition. */
export type PartitionFacts = {
  readonly partition: number;
  readonly processor: BookValues;
  readonly sink: BookValues & { readonly rewritten: number };
  /** The sink's dead letters around the minute; they are counted by Kafka's timestamp, not by received_at. */
  readonly sinkDeadNearby: number;
  /** The breaks that count in this minute. */
  readonly breaks: readonly Break[];
  /** Why the stage's books may be incomplete. */
  readonly processorLacks: string | undefined;
  readonly sinkLacks: string | undefined;
};

export type MinuteFacts = {
  readonly partitions: readonly PartitionFacts[];
  /** Of the rows in the table. */
  readonly table: DigestValues;
};

export type Judgement = {
  readonly verdict: Verdict;
  /** Events of the minute in raw. */
  readonly events: number;
  readonly unaccounted: number;
  readonly findings: readonly Finding[];
};

/**
 * Whether every event of a minute is accounted for:
 *
 *     raw      = enriched + repeats + dead letters          (the processor's books, and no offset skipped or read twice)
 *     enriched = what the sink has read                     (both books)
 *     what the sink has read = rows + repeats + conflicts + dead letters
 *     rows     = what is in the table                       (over all partitions)
 *
 * Each by count and by digest, so that they are the same events. Where books may be incomplete, the verdict is "not known".
 */
export function judgeMinute({ partitions, table }: MinuteFacts): Judgement {
  const isWhole = areAllRows(partitions, table);
  const findings = [
    ...partitions.flatMap((facts) => findingsOf(facts, { isWhole })),
    ...(isWhole ? [] : tableFindings(partitions, table)),
  ];
  const differing = findings.filter(({ verdict }) => verdict === "differs");
  return {
    verdict: differing.length > 0 ? "differs" : findings.length > 0 ? "not known" : "ok",
    events: sum(partitions.map(({ processor }) => Number(processor.read.count) + processor.dead)),
    unaccounted: sum(differing.map(({ events }) => events)),
    findings,
  };
}

/**
 * Whether the table's rows are the events that the processor wrote. Then nothing is missing, even if the sink's books
 * are incomplete because a version without books owned the partition for a while.
 */
function areAllRows(partitions: readonly PartitionFacts[], table: DigestValues): boolean {
  if (partitions.some(({ processorLacks }) => processorLacks !== undefined)) return false;
  const enriched = partitions.map(({ processor }) => processor.written).reduce(merged, NO_EVENTS);
  return isSame(enriched, table);
}

/** @param options.isWhole see `areAllRows` */
function findingsOf(facts: PartitionFacts, { isWhole }: { isWhole: boolean }): Finding[] {
  const { partition, processor, sink } = facts;
  const findings: Finding[] = [];
  const add = (hop: Hop, rest: Omit<Finding, "hop" | "partition">) =>
    findings.push({ hop, partition, ...rest });
  const differs = (hop: Hop, events: number, offset: bigint | undefined, why: string) =>
    add(hop, { verdict: "differs", events, offset: offset?.toString() ?? null, why });
  const notKnown = (hop: Hop, why: string) =>
    add(hop, { verdict: "not known", events: 0, offset: null, why });

  for (const found of facts.breaks) {
    if (found.stage !== "processor") continue;
    differs("raw", found.events, found.from, breakText(found));
  }
  if (facts.processorLacks !== undefined) notKnown("raw", facts.processorLacks);
  const processed = merged(processor.written, processor.leftOut);
  if (!isSame(processor.read, processed)) {
    const why = `the processor has read ${processor.read.count} events, and written or left out ${processed.count}`;
    differs("raw", eventsBetween(processor.read, processed), undefined, why);
  }

  if (facts.sinkLacks !== undefined) notKnown("enriched", facts.sinkLacks);
  const isComplete = facts.processorLacks === undefined && facts.sinkLacks === undefined;
  if (isComplete && !isSame(processor.written, sink.read)) {
    const missing = Number(processor.written.count - sink.read.count);
    if (missing > 0 && isWhole) return findings;
    if (missing > 0 && missing <= facts.sinkDeadNearby) {
      notKnown("enriched", `${missing} events may be among ${facts.sinkDeadNearby} dead letters`);
    } else {
      const skipped = facts.breaks.find(({ stage }) => stage === "sink");
      const why =
        missing === 0
          ? `the sink has read ${sink.read.count} events as written, but not the same`
          : `the processor has written ${processor.written.count} events, the sink has read ${sink.read.count}`;
      differs("enriched", eventsBetween(processor.written, sink.read), skipped?.from, why);
    }
  }

  const accounted = merged(sink.written, sink.leftOut);
  if (!isSame(sink.read, accounted)) {
    const why = `the sink has read ${sink.read.count} events, and written or left out ${accounted.count}`;
    differs("rows", eventsBetween(sink.read, accounted), undefined, why);
  }
  return findings;
}

function tableFindings(partitions: readonly PartitionFacts[], table: DigestValues): Finding[] {
  const finding = (rest: Pick<Finding, "verdict" | "events" | "why">): Finding[] => [
    { hop: "table", partition: null, offset: null, ...rest },
  ];
  const lacking = partitions.find(({ sinkLacks }) => sinkLacks !== undefined);
  if (lacking !== undefined) {
    const why = `partition ${lacking.partition}: ${lacking.sinkLacks}`;
    return finding({ verdict: "not known", events: 0, why });
  }
  const written = partitions.map(({ sink }) => sink.written).reduce(merged, NO_EVENTS);
  if (isSame(written, table)) return [];
  const rewritten = sum(partitions.map(({ sink }) => sink.rewritten));
  const difference = Number(table.count - written.count);
  // A rewind restores rows that were deleted (then the digests are equal) or adds rows that were dead letters before.
  if (rewritten > 0 && difference > 0 && difference <= rewritten) {
    const why = `${rewritten} rows were written again after a rewind, some of which may not have been there before`;
    return finding({ verdict: "not known", events: 0, why });
  }
  const why =
    difference === 0
      ? `the table has ${table.count} rows as written, but not the same`
      : `the sink has written ${written.count} rows, the table has ${table.count}`;
  return finding({ verdict: "differs", events: eventsBetween(written, table), why });
}

/** The least number of events by which the sets differ; with equal counts one is missing and another one is extra. */
function eventsBetween(a: DigestValues, b: DigestValues): number {
  const difference = Number(a.count - b.count);
  return Math.max(1, Math.abs(difference));
}

function breakText({ kind, from, to, events }: Break): string {
  const range = `offsets ${from} to ${to - 1n} of raw`;
  switch (kind) {
    case "skipped":
      return `the processor has skipped ${range}`;
    case "read again":
      return `the processor has read ${range} twice, so that their events may be in enriched twice`;
    case "without a record":
      return `the processor has read ${events} records less than there are at ${range}`;
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
