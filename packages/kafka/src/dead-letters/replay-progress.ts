import { setTimeout as delay } from "node:timers/promises";
import { TransientError } from "@fiberstream/runtime/errors";
import { createConnections } from "../broker/connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { KafkaClient } from "../kafka.ts";
import { committedOffsets } from "../transactions/coordinator/committed-offsets.ts";
import { createCoordinators } from "../transactions/coordinator/coordinators.ts";
import { NO_COUNTS, type ReplayCounts } from "./replay-selection.ts";

/** How far a replay is in one partition of the dead-letter topic. */
export type PartitionProgress = {
  readonly nextOffset: bigint;
  /** The run that wrote it, and what it had done in the partition; undefined if another program wrote it. */
  readonly by: { readonly run: string; readonly counts: ReplayCounts } | undefined;
};

export type ReplayProgress = {
  /**
   * @throws {TransientError}
   * @throws {FatalError}
   */
  read: (partitions: readonly number[]) => Promise<ReadonlyMap<number, PartitionProgress>>;
  close: () => Promise<void>;
};

const TRIES = 100;
const BETWEEN_TRIES_MS = 100;

/** Reads the progress of a replay: the offsets of its group, which move in the transaction of the records. */
export function connectReplayProgress(options: {
  kafka: KafkaClient;
  groupId: string;
  topic: string;
}): ReplayProgress {
  const { groupId, topic } = options;
  const connections = createConnections(options.kafka);
  const coordinators = createCoordinators(connections);

  /** Undefined: a transaction that moves one of them has not ended. */
  const readOnce = async (partitions: readonly number[]) => {
    const answers = await committedOffsets({
      coordinators,
      groupId,
      topic,
      partitions,
      stable: "required",
    });
    const found = new Map<number, PartitionProgress>();
    for (const [partition, answer] of answers) {
      if (typeof answer !== "object") return undefined;
      if (answer.offset === undefined) continue;
      found.set(partition, { nextOffset: answer.offset, by: readMetadata(answer.metadata) });
    }
    return found;
  };

  return {
    read: async (partitions) => {
      for (let tries = 0; tries < TRIES; tries++) {
        try {
          const found = await readOnce(partitions);
          if (found !== undefined) return found;
        } catch (error) {
          throw kafkaFailure(error);
        }
        await delay(BETWEEN_TRIES_MS);
      }
      throw new TransientError("kafka", `the offsets of the group ${groupId} are not known yet`);
    },
    close: () => connections.close(),
  };
}

export const writeMetadata = (run: string, counts: ReplayCounts): string =>
  JSON.stringify({ run, counts });

function readMetadata(text: string): PartitionProgress["by"] {
  try {
    const { run, counts } = JSON.parse(text) as { run?: unknown; counts?: object };
    if (typeof run === "string") return { run, counts: { ...NO_COUNTS, ...counts } };
  } catch {
    // Earlier versions wrote none.
  }
  return undefined;
}
