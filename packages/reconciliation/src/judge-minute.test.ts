import { randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  addIdText,
  type DigestValues,
  emptyDigest,
  merged,
  NO_EVENTS,
  valuesOf,
} from "./digest.ts";
import { type Break, judgeMinute, type PartitionFacts } from "./judge-minute.ts";

const digest = (ids: readonly string[]): DigestValues => {
  const all = emptyDigest();
  for (const id of ids) addIdText(all, Buffer.from(id), 0);
  return valuesOf(all);
};
const newIds = (count: number) => Array.from({ length: count }, () => randomUUID() as string);

/** What each hop of a partition has seen of a minute. */
type Seen = { read: string[]; enriched: string[]; sinkRead: string[]; rows: string[] };
const counts = { conflicts: 0, refused: 0, dead: 0 };

function factsOf(
  partition: number,
  seen: Seen,
  rest: Partial<PartitionFacts> = {},
): PartitionFacts {
  const { read, enriched, sinkRead, rows } = seen;
  const left = (all: readonly string[], some: readonly string[]) =>
    digest(all.filter((id) => !some.includes(id)));
  return {
    partition,
    processor: {
      ...counts,
      read: digest(read),
      written: digest(enriched),
      leftOut: left(read, enriched),
    },
    sink: {
      ...counts,
      rewritten: 0,
      read: digest(sinkRead),
      written: digest(rows),
      leftOut: left(sinkRead, rows),
    },
    sinkDeadNearby: 0,
    breaks: [],
    processorLacks: undefined,
    sinkLacks: undefined,
    ...rest,
  };
}
const all = (ids: string[]): Seen => ({ read: ids, enriched: ids, sinkRead: ids, rows: ids });
const judge = (partitions: readonly PartitionFacts[], table?: readonly string[]) =>
  judgeMinute({
    partitions,
    table:
      table === undefined
        ? partitions.map(({ sink }) => sink.written).reduce(merged, NO_EVENTS)
        : digest(table),
  });

const lost = (ids: readonly string[]) => ids.slice(1);
const doubled = (ids: readonly string[]) => [...ids, ids[0] ?? ""];
const altered = (ids: readonly string[]) => [...ids.slice(1), randomUUID()];

describe("a minute's judgement", () => {
  it("is ok if each hop has the same events, apart from duplicates and dropped ones", () => {
    const [ids, others] = [newIds(20), newIds(30)];
    const some = others.slice(0, 25);
    const facts = [
      factsOf(0, all(ids)),
      factsOf(1, { read: others, enriched: some, sinkRead: some, rows: some.slice(3) }),
    ];
    expect(judge(facts)).toEqual({ verdict: "ok", events: 50, unaccounted: 0, findings: [] });
    expect(judge([], [])).toMatchObject({ verdict: "ok" });
  });

  it.each([
    ["lost", lost],
    ["doubled", doubled],
    ["altered", altered],
  ])("names the hop and nothing else when one event is %s", (_, change) => {
    const ids = newIds(50);
    const found = (hop: string, partition: number | null) => ({
      verdict: "differs",
      unaccounted: 1,
      findings: [{ verdict: "differs", hop, partition, events: 1 }],
    });
    const other = factsOf(0, all(newIds(10)));
    const changed = change(ids);
    const inProcessor = factsOf(1, all(ids));
    const wrong = {
      ...inProcessor,
      processor: { ...inProcessor.processor, written: digest(changed), leftOut: NO_EVENTS },
      sink: { ...inProcessor.sink, read: digest(changed), written: digest(changed) },
    };
    expect(judge([other, wrong])).toMatchObject(found("raw", 1));

    const between = { ...all(ids), sinkRead: changed, rows: changed };
    expect(judge([other, factsOf(1, between)])).toMatchObject(found("enriched", 1));

    const right = factsOf(1, all(ids));
    const inSink = { ...right, sink: { ...right.sink, written: digest(changed) } };
    expect(judge([other, inSink])).toMatchObject(found("rows", 1));

    expect(judge([right], changed)).toMatchObject(found("table", null));
  });

  it("finds any loss, duplication or replacement of events", () => {
    const ids = newIds(200);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(199), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(lost, doubled, altered),
        (places, change) => {
          const chosen = places.map((place) => ids[place] ?? "");
          const rest = ids.filter((id) => !chosen.includes(id));
          const table = [...rest, ...change(chosen)];
          expect(judge([factsOf(0, all(ids))], table).verdict).toBe("differs");
        },
      ),
    );
  });

  it.each<[Break["kind"], string]>([
    ["skipped", "the processor has skipped offsets 7 to 9 of raw"],
    ["read again", "the processor has read offsets 7 to 9 of raw twice"],
    ["without a record", "the processor has read 2 records less than there are at offsets 7 to 9"],
  ])("reports the offsets that the processor has %s", (kind, why) => {
    const one: Break = { stage: "processor", partition: 0, kind, from: 7n, to: 10n, events: 2 };
    const judgement = judge([factsOf(0, all(newIds(5)), { breaks: [one] })]);
    expect(judgement).toMatchObject({
      unaccounted: 2,
      findings: [{ hop: "raw", offset: "7", events: 2 }],
    });
    expect(judgement.findings[0]?.why).toContain(why);
  });

  it("reports the first skipped offset of the sink for missing events, and for nothing else", () => {
    const ids = newIds(9);
    const one: Break = {
      stage: "sink",
      partition: 0,
      kind: "skipped",
      from: 7n,
      to: 9n,
      events: 2,
    };
    const seen = { ...all(ids), sinkRead: lost(ids), rows: lost(ids) };
    expect(judge([factsOf(0, seen, { breaks: [one] })]).findings).toMatchObject([
      { hop: "enriched", offset: "7", events: 1 },
    ]);
    // Transaction markers alone.
    expect(judge([factsOf(0, all(ids), { breaks: [one] })]).verdict).toBe("ok");
  });

  it("is not known if the books are not complete", () => {
    const ids = newIds(9);
    const partly = { ...all(ids), sinkRead: lost(ids), rows: lost(ids) };
    expect(judge([factsOf(0, partly, { processorLacks: "begins" })])).toMatchObject({
      verdict: "not known",
      unaccounted: 0,
      findings: [{ hop: "raw", why: "begins" }],
    });
    const judgement = judge([factsOf(0, partly, { sinkLacks: "begins" })], lost(ids));
    expect(judgement.findings.map(({ hop, verdict }) => [hop, verdict])).toEqual([
      ["enriched", "not known"],
      ["table", "not known"],
    ]);
  });

  it("reports no row as missing, also if a sink without books has written it", () => {
    const [ids, others] = [newIds(9), newIds(9)];
    const partly = factsOf(1, { ...all(ids), sinkRead: lost(ids), rows: lost(ids) });
    expect(judge([factsOf(0, all(others)), partly], [...ids, ...others]).verdict).toBe("ok");
    expect(judge([factsOf(0, all(others)), partly], [...lost(ids), ...others])).toMatchObject({
      unaccounted: 1,
      findings: [{ hop: "enriched", partition: 1 }],
    });
    const whole = factsOf(1, all(ids));
    const [read, leftOut] = [digest(doubled(ids)), digest(ids.slice(0, 1))];
    const doubledInEnriched = { ...whole, sink: { ...whole.sink, read, leftOut } };
    expect(judge([doubledInEnriched], ids)).toMatchObject({
      unaccounted: 1,
      findings: [{ hop: "enriched", partition: 1 }],
    });
  });

  it("is not known if dead letters of the sink may be the missing events", () => {
    const ids = newIds(9);
    const seen = { ...all(ids), sinkRead: lost(ids), rows: lost(ids) };
    expect(judge([factsOf(0, seen, { sinkDeadNearby: 1 })]).verdict).toBe("not known");
    const more = { ...seen, sinkRead: lost(lost(ids)), rows: lost(lost(ids)) };
    expect(judge([factsOf(0, more, { sinkDeadNearby: 1 })]).verdict).toBe("differs");
  });

  it("allows a rewind to write rows again, or for the first time", () => {
    const ids = newIds(9);
    const facts = factsOf(0, all(ids));
    const rewound = { ...facts, sink: { ...facts.sink, rewritten: 2 } };
    expect(judge([rewound], ids).verdict).toBe("ok");
    expect(judge([rewound], [...ids, ...newIds(2)]).verdict).toBe("not known");
    expect(judge([rewound], [...ids, ...newIds(3)]).verdict).toBe("differs");
    expect(judge([rewound], lost(ids)).verdict).toBe("differs");
  });
});
