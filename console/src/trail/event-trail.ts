import type { BoundedReader } from "@fiberstream/kafka/bounded-reader";
import { headerText, readDeadLetter } from "@fiberstream/kafka/dead-letters";
import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { topicIn } from "@fiberstream/kafka/topic-names";
import type { OffsetRange } from "@fiberstream/kafka/topic-reader";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { readTraceparent } from "@fiberstream/runtime/trace-context";
import { z } from "zod";
import { letterSchema, viewOf } from "../letters/letter-view.ts";
import { isEverything, sees, type TenantScope } from "../access/scope.ts";
import { scan, type Scanned } from "./scan.ts";

const MAX_LETTERS = 20;
/** How far the clock of a gateway may be ahead of the leader's, which sets the timestamps of raw records. */
const AHEAD_MS = 2_000;
/** How long a gateway may wait for Kafka after it has received an event. */
const WAITED_MS = 60_000;

const recordSchema = z.object({
  topic: z.string(),
  partition: z.number().int(),
  offset: z.number().int(),
  timestamp: z.string().describe("When Kafka appended the raw record."),
  value_bytes: z.number().int(),
  value: z.unknown().describe("The record by its writer's schema."),
});
const soughtSchema = z.object({
  record: recordSchema.nullable(),
  problem: z.string().nullable().describe("Why there is no record here."),
});
export const trailSchema = z.object({
  raw: soughtSchema,
  enriched: soughtSchema,
  dead_letters: z.array(letterSchema),
  dead_letters_problem: z.string().nullable().describe("Why there may be more."),
  trace: z
    .object({ trace_id: z.string(), url: z.string().nullable() })
    .nullable()
    .describe("null: the request was not traced, or its record was not found."),
});
export type Trail = z.output<typeof trailSchema>;

export type TrailSources = {
  readonly reader: BoundedReader;
  readonly registry: Pick<SchemaRegistry, "writerType">;
  readonly namespace: string;
  /** With {trace_id} where it goes. */
  readonly traceUrl: string | undefined;
  readonly countCutSearch: () => void;
};

/** An event, and when it was received. */
export type Sought = {
  readonly id: string;
  readonly node: string;
  readonly scope: TenantScope;
  /** It was received between these times, in ms since 1970. */
  readonly receivedMs: { readonly from: number; readonly to: number };
};

/**
 * Finds an event's records in Kafka: its node says in which partition, and Kafka's index of timestamps from where on; from there
 * the partition is read, up to a limit.
 *
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function findTrail(
  sources: TrailSources,
  sought: Sought,
  stopping: AbortSignal,
): Promise<Trail> {
  const { reader, namespace } = sources;
  const { receivedMs } = sought;
  const [rawTopic, enrichedTopic, letterTopic] = [
    topicIn(namespace, "probe.metrics.raw"),
    topicIn(namespace, "probe.metrics.enriched"),
    topicIn(namespace, "probe.metrics.dead-letter"),
  ];
  const partitionIn = async (topic: string): Promise<OffsetRange> => {
    const ranges = await reader.ranges(topic, stopping);
    const partition = partitionOfKey(Buffer.from(sought.node), Math.max(1, ranges.length));
    return (
      ranges.find((range) => range.partition === partition) ?? { partition, from: 0n, until: 0n }
    );
  };
  const recordIn = async (topic: string, fromMs: number) => {
    const range = await partitionIn(topic);
    const look = (record: IncomingRecord) => readRecord(sources, sought, topic, range, record);
    const latestMs = receivedMs.to + WAITED_MS;
    const scanned = await scan(reader, { topic, range, fromMs, latestMs, look, most: 1, stopping });
    if (scanned.ended === "limit") sources.countCutSearch();
    return { scanned, latestMs };
  };

  const raw = await recordIn(rawTopic, receivedMs.from - AHEAD_MS);
  const [first] = raw.scanned.found;
  // Enriched records and dead letters have the timestamps of their raw records.
  const fromMs = first === undefined ? receivedMs.from - AHEAD_MS : first.timestampMs;
  const enriched = await recordIn(enrichedTopic, fromMs);
  const own = new Set(
    [...raw.scanned.found, ...enriched.scanned.found].map(({ view }) => originOf(view)),
  );
  const letterRange = await partitionIn(letterTopic);
  const letters = await scan(reader, {
    topic: letterTopic,
    range: letterRange,
    fromMs,
    latestMs: Infinity,
    look: async (record) => {
      const letter = readDeadLetter(letterRange.partition, record);
      // The letter of a record that the reader may see, also if it has only the beginning of the value.
      if (own.has(originOf(letter.origin))) return letter;
      const found = await readRecord(sources, sought, letterTopic, letterRange, record);
      return found && letter;
    },
    most: MAX_LETTERS,
    stopping,
  });
  if (letters.ended === "limit") sources.countCutSearch();
  const traceId =
    first?.traceId ?? enriched.scanned.found[0]?.traceId ?? traceOfLetter(letters.found[0]);
  return {
    raw: soughtOf(raw),
    enriched: soughtOf(enriched),
    dead_letters: letters.found.map(viewOf),
    dead_letters_problem: LETTERS_PROBLEM[letters.ended],
    trace:
      traceId === undefined
        ? null
        : {
            trace_id: traceId,
            url: sources.traceUrl?.replaceAll("{trace_id}", traceId) ?? null,
          },
  };
}

const originOf = (of: { topic: string; partition: number; offset: number | string }): string =>
  `${of.topic} ${of.partition} ${of.offset}`;

type FoundRecord = {
  readonly view: z.output<typeof recordSchema>;
  readonly timestampMs: number;
  readonly traceId: string | undefined;
};

/** Returns a record if it is of the event, and its event is one that the reader may see. */
async function readRecord(
  { registry }: TrailSources,
  { id, scope }: Sought,
  topic: string,
  { partition }: OffsetRange,
  record: IncomingRecord,
): Promise<FoundRecord | undefined> {
  const { value } = record;
  // Decoding each record on the way would take most of the time.
  if (value === null || !value.includes(id)) return undefined;
  const event = await decoded(registry, value);
  if (event?.event_id !== id) return undefined;
  const isVisible =
    isEverything(scope) ||
    (typeof event.tenant === "string" &&
      sees(scope, {
        tenant: event.tenant,
        node: typeof event.node_id === "string" ? event.node_id : null,
      }));
  if (!isVisible) return undefined;
  return {
    view: {
      topic,
      partition,
      offset: Number(record.offset),
      timestamp: new Date(Number(record.timestamp)).toISOString(),
      value_bytes: value.length,
      value: event,
    },
    timestampMs: Number(record.timestamp),
    traceId: traceIn(record),
  };
}

/** @throws {TransientError} while the registry is unavailable */
async function decoded(
  registry: TrailSources["registry"],
  value: Buffer,
): Promise<{ event_id?: unknown; tenant?: unknown; node_id?: unknown } | undefined> {
  const schemaId = schemaIdOf(value);
  const writer = schemaId === undefined ? undefined : await registry.writerType(schemaId);
  if (writer?.kind !== "ok") return undefined;
  try {
    return writer.value.fromBuffer(value.subarray(WIRE_PREFIX_BYTES)) as object;
  } catch {
    return undefined;
  }
}

const traceIn = ({ headers }: IncomingRecord): string | undefined => {
  const traceparent = headerText(headers, "traceparent");
  return traceparent === undefined ? undefined : readTraceparent(traceparent)?.traceId;
};
const traceOfLetter = (letter: { record: IncomingRecord } | undefined) =>
  letter && traceIn(letter.record);

function soughtOf({
  scanned,
  latestMs,
}: {
  scanned: Scanned<FoundRecord>;
  latestMs: number;
}): z.output<typeof soughtSchema> {
  const { found, ended, firstMs } = scanned;
  const [first] = found;
  if (first !== undefined) return { record: first.view, problem: null };
  if (ended === "limit") {
    return {
      record: null,
      problem:
        "not found within the limit of 8 MB and 1.5 s from the time at which the event was received: fiber tail finds it",
    };
  }
  if (firstMs === undefined || firstMs > latestMs) {
    return {
      record: null,
      problem:
        "the partition has no record of that time (any more): retention has deleted it, or it was never here",
    };
  }
  return {
    record: null,
    problem:
      "the partition's records of that time do not have it: it was imported, deleted, or redriven much later",
  };
}

const LETTERS_PROBLEM = {
  found: `only the first ${MAX_LETTERS} are here`,
  limit: "not all dead letters since that time were looked at: the limit is 8 MB and 1.5 s",
  later: null,
  end: null,
} as const satisfies Record<Scanned<unknown>["ended"], string | null>;
