import type { IncomingRecord } from "@fiberstream/kafka/records";

/** What became of the bad records that were planted. */
export type DeadLetterCounts = {
  /** Bad records found in the topics of events. */
  planted: number;
  /** Acknowledged when they were planted, and not found in their topic. */
  vanished: number;
  found: number;
  lost: number;
  /** More than one of the processor for one origin: its dead letters are part of its transactions. */
  doubled: number;
  /** More than one of the sink: allowed after a crash, tools tell them apart by their origin. */
  repeated: number;
  altered: number;
  /** Of a record that was not bad. */
  unexplained: number;
};

export type DeadLetterCheck = {
  readonly bad: (topic: string, partition: number, record: IncomingRecord) => void;
  readonly letter: (record: IncomingRecord) => void;
  /**
   * @param acknowledged how many bad records were planted for certain
   * @param again how often the processor was sent back to the beginning of raw
   */
  readonly verdict: (acknowledged: number, again?: number) => DeadLetterCounts;
  /** Where those came from that have no letter. */
  readonly lost: () => readonly string[];
};

type Expected = { readonly value: Buffer | null; readonly topic: string; letters: number };

/** Compares dead letters with the bad records that they are of, by their origin. */
export function createDeadLetterCheck(exactlyOnceTopic: string): DeadLetterCheck {
  /** By origin; more than one where the topic was made anew. */
  const expected = new Map<string, Expected[]>();
  const counts = { found: 0, altered: 0, unexplained: 0 };
  const all = () => Array.from(expected.values()).flat();
  const beyond = (allowed: number, isExactlyOnce: boolean) =>
    all()
      .filter(({ topic }) => (topic === exactlyOnceTopic) === isExactlyOnce)
      .reduce((sum, { letters }) => sum + Math.max(0, letters - allowed), 0);
  return {
    bad: (topic, partition, { offset, value }) => {
      const origin = `${topic} ${partition} ${offset}`;
      expected.set(origin, [...(expected.get(origin) ?? []), { value, topic, letters: 0 }]);
    },
    letter: (record) => {
      counts.found++;
      const names = ["topic", "partition", "offset"];
      const origin = names.map((name) => header(record, `__connect.errors.${name}`)).join(" ");
      const candidates = expected.get(origin) ?? [];
      const same = candidates.find(({ value }) => isEqual(value, record.value));
      const of = same ?? candidates[0];
      if (of === undefined) return void counts.unexplained++;
      of.letters++;
      if (same === undefined) counts.altered++;
    },
    lost: () =>
      Array.from(expected).flatMap(([origin, of]) =>
        of.some(({ letters }) => letters === 0) ? [`dead letter lost: of ${origin}`] : [],
      ),
    verdict: (acknowledged, again = 0) => ({
      ...counts,
      doubled: beyond(1 + again, true),
      repeated: beyond(1, false),
      planted: all().length,
      vanished: Math.max(0, acknowledged - all().length),
      lost: all().filter(({ letters }) => letters === 0).length,
    }),
  };
}

function header({ headers }: IncomingRecord, name: string): string {
  const value = headers?.[name];
  return String(Array.isArray(value) ? value[0] : (value ?? ""));
}

const isEqual = (a: Buffer | null, b: Buffer | null) =>
  a === null || b === null ? a === b : a.equals(b);
