import type { IncomingRecord } from "@fiberstream/kafka/records";

/** The results for the bad records that were sent on purpose. */
export type DeadLetterCounts = {
  /** Bad records found in the topics of events. */
  planted: number;
  /** Acknowledged, but missing in their topic. */
  vanished: number;
  found: number;
  lost: number;
  /** Additional dead letters of the processor for one origin: an error, because they are part of its transactions. */
  doubled: number;
  /** Additional dead letters of the sink: allowed after a crash; tools recognize them by their origin. */
  repeated: number;
  altered: number;
  /** Dead letters of records that were not bad. */
  unexplained: number;
};

export type DeadLetterCheck = {
  readonly bad: (topic: string, partition: number, record: IncomingRecord) => void;
  readonly deadLetter: (record: IncomingRecord) => void;
  /**
   * @param acknowledged how many bad records were acknowledged
   * @param again how often the processor had to start again at the beginning of raw
   */
  readonly verdict: (acknowledged: number, again?: number) => DeadLetterCounts;
  /** Returns the origins of bad records without a dead letter. */
  readonly lost: () => readonly string[];
};

type Expected = { readonly value: Buffer | null; readonly topic: string; deadLetters: number };

/** Compares dead letters with bad records, by their origin. */
export function createDeadLetterCheck(exactlyOnceTopic: string): DeadLetterCheck {
  /** By origin; more than one if the topic was recreated. */
  const expected = new Map<string, Expected[]>();
  const counts = { found: 0, altered: 0, unexplained: 0 };
  const all = () => Array.from(expected.values()).flat();
  const beyond = (allowed: number, isExactlyOnce: boolean) =>
    all()
      .filter(({ topic }) => (topic === exactlyOnceTopic) === isExactlyOnce)
      .reduce((sum, { deadLetters }) => sum + Math.max(0, deadLetters - allowed), 0);
  return {
    bad: (topic, partition, { offset, value }) => {
      const origin = `${topic} ${partition} ${offset}`;
      expected.set(origin, [...(expected.get(origin) ?? []), { value, topic, deadLetters: 0 }]);
    },
    deadLetter: (record) => {
      counts.found++;
      const names = ["topic", "partition", "offset"];
      const origin = names.map((name) => header(record, `__connect.errors.${name}`)).join(" ");
      const candidates = expected.get(origin) ?? [];
      const same = candidates.find(({ value }) => isEqual(value, record.value));
      const of = same ?? candidates[0];
      if (of === undefined) return void counts.unexplained++;
      of.deadLetters++;
      if (same === undefined) counts.altered++;
    },
    lost: () =>
      Array.from(expected).flatMap(([origin, of]) =>
        of.some(({ deadLetters }) => deadLetters === 0) ? [`dead letter lost: of ${origin}`] : [],
      ),
    verdict: (acknowledged, again = 0) => ({
      ...counts,
      doubled: beyond(1 + again, true),
      repeated: beyond(1, false),
      planted: all().length,
      vanished: Math.max(0, acknowledged - all().length),
      lost: all().filter(({ deadLetters }) => deadLetters === 0).length,
    }),
  };
}

function header({ headers }: IncomingRecord, name: string): string {
  const value = headers?.[name];
  return String(Array.isArray(value) ? value[0] : (value ?? ""));
}

const isEqual = (a: Buffer | null, b: Buffer | null) =>
  a === null || b === null ? a === b : a.equals(b);
