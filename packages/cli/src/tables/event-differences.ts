import { connectTopicReader, type TopicReader } from "@fiberstream/kafka/topic-reader";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { offsetRangesOf } from "../options/time-range.ts";
import type { TopicAccess } from "../records/topic-access.ts";

/** An event of a minute that is missing or is there twice in one of the stages. */
export type EventDifference = {
  readonly event_id: string;
  readonly what:
    | "in raw, not in enriched"
    | "twice in enriched"
    | "in enriched, not in raw"
    | "in enriched, not in the table"
    | "in the table, not in enriched"
    | "twice in the table";
  readonly topic: "raw" | "enriched" | null;
  readonly partition: number | null;
  readonly offset: string | null;
};

const MINUTE_MS = 60_000;

/**
 * Reads the events of a minute from raw, enriched and the table, and returns those that differ, ordered by offset.
 * The missing events include dead letters and events that are older than the retention.
 *
 * @param options.minuteMs start of the minute, in ms since 1970, by received_at
 * @param options.partition undefined: all of them
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function eventDifferences(options: {
  access: TopicAccess;
  pool: PgPool;
  minuteMs: number;
  partition: number | undefined;
}): Promise<EventDifference[]> {
  const { access, pool, minuteMs, partition } = options;
  const reader = await connectTopicReader({ kafka: access.kafka });
  try {
    const raw = await readEvents(reader, access, { name: "raw", minuteMs, partition });
    const enriched = await readEvents(reader, access, { name: "enriched", minuteMs, partition });
    const rows = await readRows(pool, minuteMs);
    return [
      ...differencesOfTopics(raw, enriched),
      ...differencesOfTable(enriched, rows, { isWhole: partition === undefined }),
    ].toSorted((a, b) => Number(a.offset ?? Infinity) - Number(b.offset ?? Infinity));
  } finally {
    await reader.close();
  }
}

type Position = {
  readonly topic: "raw" | "enriched";
  readonly partition: number;
  readonly offset: string;
};
/** The positions of each event, by event_id. */
type Positions = ReadonlyMap<string, readonly Position[]>;
type Decoded = { readonly event_id: string; readonly received_at: number };

async function readEvents(
  reader: TopicReader,
  access: TopicAccess,
  wanted: { name: "raw" | "enriched"; minuteMs: number; partition: number | undefined },
): Promise<Positions> {
  const { name, minuteMs, partition } = wanted;
  const topic = topicIn(access.namespace, `probe.metrics.${name}`);
  const readerSchema = readAvroSchema(name === "raw" ? "ProbeMetric" : "EnrichedProbeMetric");
  const decoder = createRecordDecoder<Decoded>({ registry: access.registry, readerSchema });
  // Also after the minute: a gateway's clock may be ahead of the clock that sets the record's timestamp.
  const range = { fromMs: minuteMs - 10 * MINUTE_MS, toMs: minuteMs + MINUTE_MS };
  const positions = new Map<string, Position[]>();
  for (const offsetRange of await offsetRangesOf(access.kafka, topic, range)) {
    if (partition !== undefined && offsetRange.partition !== partition) continue;
    for await (const records of reader.read(topic, offsetRange)) {
      await decoder.prepare(records.map(({ value }) => value));
      for (const { value, offset } of records) {
        const event = decoder.decode(value);
        if (event.kind !== "ok") continue;
        const { event_id, received_at } = event.value;
        if (Math.floor(received_at / 60_000_000) * MINUTE_MS !== minuteMs) continue;
        const all = positions.get(event_id) ?? [];
        all.push({ topic: name, partition: offsetRange.partition, offset });
        positions.set(event_id, all);
      }
    }
  }
  return positions;
}

/** Returns how often each event is in the table. */
async function readRows(pool: PgPool, minuteMs: number): Promise<ReadonlyMap<string, number>> {
  const rows = await query<{ event_id: string; count: number }>(
    pool,
    `SELECT event_id, count(*)::int AS count FROM metrics
     WHERE received_at >= $1 AND received_at < $2 GROUP BY event_id`,
    [new Date(minuteMs), new Date(minuteMs + MINUTE_MS)],
  );
  return new Map(rows.map(({ event_id, count }) => [event_id, count]));
}

/** Compares the topics. A duplicate is in raw twice, and in enriched once. */
function differencesOfTopics(raw: Positions, enriched: Positions): EventDifference[] {
  const differences: EventDifference[] = [];
  for (const [event_id, positions] of raw) {
    const [first] = positions;
    if (first === undefined || enriched.has(event_id)) continue;
    differences.push({ event_id, what: "in raw, not in enriched", ...first });
  }
  for (const [event_id, positions] of enriched) {
    const [first, second] = positions;
    if (first !== undefined && !raw.has(event_id)) {
      differences.push({ event_id, what: "in enriched, not in raw", ...first });
    }
    if (second !== undefined && positions.length > (raw.get(event_id)?.length ?? 0)) {
      differences.push({ event_id, what: "twice in enriched", ...second });
    }
  }
  return differences;
}

function differencesOfTable(
  enriched: Positions,
  rows: ReadonlyMap<string, number>,
  { isWhole }: { isWhole: boolean },
): EventDifference[] {
  const noPosition = { topic: null, partition: null, offset: null };
  const differences: EventDifference[] = [];
  for (const [event_id, [first]] of enriched) {
    const count = rows.get(event_id) ?? 0;
    if (first === undefined || count === 1) continue;
    const what = count === 0 ? "in enriched, not in the table" : "twice in the table";
    differences.push({ event_id, what, ...first });
  }
  for (const event_id of isWhole ? rows.keys() : []) {
    if (enriched.has(event_id)) continue;
    differences.push({ event_id, what: "in the table, not in enriched", ...noPosition });
  }
  return differences;
}
