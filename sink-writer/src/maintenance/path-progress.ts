import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type OffsetRange } from "@fiberstream/kafka/topic-reader";
import { createHopProgress, type HopProgress } from "../reconciliation/hop-progress.ts";

type Offsets = ReadonlyMap<number, bigint>;

/** The positions of the two stages. All functions throw TransientError and FatalError. */
export type PathPositions = {
  /** The offsets that Kafka has, of each partition that has had records. */
  readonly raw: () => Promise<readonly OffsetRange[]>;
  readonly enriched: () => Promise<readonly OffsetRange[]>;
  /** The next offset to process or store, by partition. */
  readonly processed: () => Promise<Offsets>;
  readonly stored: () => Promise<Offsets>;
};

/**
 * Returns how long ago the time is up to which all accepted events are stored, in ms: later events may still be on the
 * way. Undefined while no such time is known: while a backlog drains that existed at the first call.
 */
export type PathLag = () => Promise<number | undefined>;

/** @param options.nowMs a monotonic clock, in ms; by default the one of the process */
export function createPathLag(options: {
  positions: PathPositions;
  nowMs?: () => number;
}): PathLag {
  const { positions, nowMs = () => performance.now() } = options;
  const processor = createHopProgress();
  const sink = createHopProgress();
  /** Events received before `untilMs` are in enriched since `processedMs`. They are stored once the sink has passed that. */
  let processed: { readonly untilMs: number; readonly processedMs: number } | undefined;
  let storedUntilMs: number | undefined;

  return async () => {
    const rawPassedMs = await passedMsOf(processor, positions.raw, positions.processed, nowMs);
    if (rawPassedMs !== undefined) processed ??= { untilMs: rawPassedMs, processedMs: nowMs() };
    const enrichedPassedMs = await passedMsOf(sink, positions.enriched, positions.stored, nowMs);
    if (processed !== undefined && (enrichedPassedMs ?? 0) >= processed.processedMs) {
      storedUntilMs = processed.untilMs;
      processed = undefined;
    }
    return storedUntilMs === undefined ? undefined : nowMs() - storedUntilMs;
  };
}

/** @returns the time up to which the stage has processed all that its topic had */
async function passedMsOf(
  stage: HopProgress,
  topic: () => Promise<readonly OffsetRange[]>,
  done: () => Promise<Offsets>,
  nowMs: () => number,
): Promise<number | undefined> {
  const atMs = nowMs();
  const ranges = await topic();
  const offsets = await done();
  let earliestMs: number | undefined = atMs;
  for (const { partition, from, until } of ranges) {
    stage.observe({ partition, position: offsets.get(partition) ?? from, end: until, atMs });
    const passedMs = stage.passedMs(partition);
    if (passedMs === undefined) earliestMs = undefined;
    else if (earliestMs !== undefined) earliestMs = Math.min(earliestMs, passedMs);
  }
  return earliestMs;
}

/** Connects at the first call. */
export function createPathPositions(options: {
  kafka: KafkaClient;
  namespace: string;
  readOffsets: () => Promise<Offsets>;
}): PathPositions & { readonly close: () => Promise<void> } {
  const { kafka, namespace } = options;
  const raw = topicIn(namespace, "probe.metrics.raw");
  const enriched = topicIn(namespace, "probe.metrics.enriched");
  const groupId = `${namespace}stream-processor`;
  const reader = connectedOnUse(() => connectTopicReader({ kafka }));
  const group = connectedOnUse(() => connectGroupOffsets({ kafka, groupId, topic: raw }));
  return {
    raw: async () => (await reader.get()).ranges(raw),
    enriched: async () => (await reader.get()).ranges(enriched),
    processed: async () => (await group.get()).offsets(),
    stored: options.readOffsets,
    close: async () => {
      await reader.close();
      await group.close();
    },
  };
}

/** Connects when the connection is first needed; after a failure, the next use tries again. */
function connectedOnUse<T extends { readonly close: () => Promise<void> }>(
  connect: () => Promise<T>,
) {
  let connected: Promise<T> | undefined;
  return {
    get: () =>
      (connected ??= connect().catch((error: unknown) => {
        connected = undefined;
        throw error;
      })),
    close: async () => {
      const open = await connected?.catch(() => undefined);
      await open?.close();
    },
  };
}
