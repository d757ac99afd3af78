import { headerText } from "@fiberstream/kafka/dead-letters";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";

export type Verdict = {
  /** Number of different events in the raw topic. */
  readonly events: number;
  readonly bad: number;
  /** Events that are in the raw topic more than once, because a send was repeated. */
  readonly sentTwice: number;
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
  readonly badLost: number;
  readonly badDoubled: number;
  readonly unavailable: number;
};

/** Compares the committed records of the enriched topic with those of the raw topic. */
export async function verify(
  reader: TopicReader,
  topics: { raw: string; enriched: string; deadLetter: string },
): Promise<Verdict> {
  const sent = new Map<string, Map<string, number>>();
  const badSent = new Set<string>();
  let [events, sentTwice, place] = [0, 0, 0];
  for await (const { partition, record } of allOf(reader, topics.raw)) {
    const id = eventIdOf(record);
    if (id === undefined) badSent.add(`${partition} ${record.offset}`);
    else {
      const node = entryOf(sent, String(record.key), () => new Map<string, number>());
      if (node.has(id)) sentTwice++;
      else {
        node.set(id, place++);
        events++;
      }
    }
  }

  const came = new Map<string, string[]>();
  let [unavailable, cameTotal] = [0, 0];
  for await (const { record } of allOf(reader, topics.enriched)) {
    entryOf(came, String(record.key), () => []).push(eventIdOf(record) ?? "?");
    if (record.value?.includes(UNAVAILABLE) === true) unavailable++;
    cameTotal++;
  }
  let [distinct, outOfOrder] = [0, 0];
  for (const [node, ids] of came) {
    const positions = ids.map((id) => sent.get(node)?.get(id) ?? -1);
    distinct += new Set(ids).size;
    outOfOrder += positions.filter(
      (at, index) => index > 0 && at < (positions[index - 1] ?? -1),
    ).length;
  }

  const badCame: string[] = [];
  for await (const { record } of allOf(reader, topics.deadLetter)) {
    const from = ["partition", "offset"].map((name) =>
      headerText(record.headers, `__connect.errors.${name}`),
    );
    badCame.push(from.join(" "));
  }
  const badDistinct = new Set(badCame);
  return {
    events,
    bad: badSent.size,
    sentTwice,
    lost: events - distinct,
    doubled: cameTotal - distinct,
    outOfOrder,
    badLost: [...badSent].filter((origin) => !badDistinct.has(origin)).length,
    badDoubled: badCame.length - badDistinct.size,
    unavailable,
  };
}

async function* allOf(
  reader: TopicReader,
  topic: string,
): AsyncGenerator<{ partition: number; record: IncomingRecord }> {
  for (const stretch of await reader.ranges(topic)) {
    for await (const records of reader.read(topic, stretch)) {
      for (const record of records) yield { partition: stretch.partition, record };
    }
  }
}

/** Returns the event_id. After the prefix of 5 bytes, an event begins with the length of its id (36, zigzag) and the id. */
function eventIdOf({ value }: IncomingRecord): string | undefined {
  return value?.[0] === 0 && value[5] === 72 ? value.toString("latin1", 6, 42) : undefined;
}

/** The end of a record with enrichment_status "unavailable": the enum's second symbol, then seven nulls and an empty map. */
const UNAVAILABLE = Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
