import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type OffsetRange } from "@fiberstream/kafka/topic-reader";
import { createHopProgress, type HopProgress } from "./reconciliation/hop-progress.ts";

type Offsets = ReadonlyMap<number, bigint>;

/** Where the two stages of the path stand. All of it throws TransientError and FatalError. */
export type PathPositions = {
  /** What Kafka has of each partition that has anything. */
  readonly raw: () => Promise<readonly OffsetRange[]>;
  readonly enriched: () => Promise<readonly OffsetRange[]>;
  /** The first offset that is not done, by partition. */
  readonly processed: () => Promise<Offsets>;
  readonly stored: () => Promise<Offsets>;
};

/**
 * How long ago the moment is up to which all that gateways took in is stored, in ms: what came later may be on its
 * way. Undefined while no such moment is known: while a backlog is drained that was there at the first question.
 */
export type PathLag = () => Promise<number | undefined>;

/** @param options.nowMs a clock that only goes on, in ms; by default the monotonic one of the process */
export function createPathLag(options: {
  positions: PathPositions;
  nowMs?: () => number;
}): PathLag {
  const { positions, nowMs = () => performance.now() } = options;
  const processor = createHopProgress();
  const sink = createHopProgress();
  /** What was received before `untilMs` is in enriched since `processedMs`; stored once the sink has passed that. */
  let processed: { readonly untilMs: number; readonly processedMs: number } | undefined;
  let storedUntilMs: number | undefined;

  return async () => {
    const rawPassedMs = await look(processor, positions.raw, positions.processed, nowMs);
    if (rawPassedMs !== undefined) processed ??= { untilMs: rawPassedMs, processedMs: nowMs() };
    const enrichedPassedMs = await look(sink, positions.enriched, positions.stored, nowMs);
    if (processed !== undefined && (enrichedPassedMs ?? 0) >= processed.processedMs) {
      storedUntilMs = processed.untilMs;
      processed = undefined;
    }
    return storedUntilMs === undefined ? undefined : nowMs() - storedUntilMs;
  };
}

/** @returns up to when the stage has done all that its topic had */
async function look(
  stage: HopProgress,
  topic: () => Promise<readonly OffsetRange[]>,
  done: () => Promise<Offsets>,
  nowMs: () => number,
): Promise<number | undefined> {
  const atMs = nowMs();
  const stretches = await topic();
  const offsets = await done();
  let leastMs: number | undefined = atMs;
  for (const { partition, from, until } of stretches) {
    stage.look({ partition, position: offsets.get(partition) ?? from, end: until, atMs });
    const passedMs = stage.passedMs(partition);
    if (passedMs === undefined) leastMs = undefined;
    else if (leastMs !== undefined) leastMs = Math.min(leastMs, passedMs);
  }
  return leastMs;
}

/** Connects at the first question. */
export function createPathPositions(options: {
  kafka: KafkaClient;
  namespace: string;
  readOffsets: () => Promise<Offsets>;
}): PathPositions & { readonly close: () => Promise<void> } {
  const { kafka, namespace } = options;
  const raw = topicIn(namespace, "probe.metrics.raw");
  const enriched = topicIn(namespace, "probe.metrics.enriched");
  const groupId = `${namespace}stream-processor`;
  const reader = once(() => connectTopicReader({ kafka }));
  const group = once(() => connectGroupOffsets({ kafka, groupId, topic: raw }));
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

/** A connection that is made when it is first needed, and tried again after a failure. */
function once<T extends { readonly close: () => Promise<void> }>(connect: () => Promise<T>) {
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
