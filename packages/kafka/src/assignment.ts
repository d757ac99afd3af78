import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Check } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import type { Consumer } from "kafkajs";

/** One partition as long as this assignment lasts. */
export type HeldPartition = {
  /** Where the next batch begins; undefined until the first one when nobody has committed an offset. */
  position: () => bigint | undefined;
  moveTo: (nextOffset: bigint) => void;
  /** False once the group has a newer assignment: what was begun under this one must not move it. */
  isOurs: () => boolean;
};

export type Assignment = {
  /** A new assignment: nothing of it is fetched until its position is known. To be called before the first fetch. */
  begin: (partitions: readonly number[]) => void;
  /** Nothing is ours any more: the consumer has stopped, for good or to start anew. */
  end: () => void;
  /** Stops fetching a partition until its owner has said again where it goes on; nothing if it is not placed. */
  placeAgain: (partition: number) => void;
  /** Stops fetching a partition until `released` settles, then goes on at its position; nothing if it is not placed. */
  hold: (partition: number, position: bigint, released: Promise<void>) => void;
  /** Undefined while the partition is not ours or not yet placed. */
  current: (partition: number) => HeldPartition | undefined;
};

/**
 * Which partitions are ours, and from where. kafkajs would fetch at once from the group's committed
 * offsets; here each partition is paused until its owner's position is known, then sought to it.
 */
export function createAssignment(options: {
  consumer: Pick<Consumer, "pause" | "resume" | "seek">;
  topic: string;
  positionOf: (partition: number) => Promise<bigint | undefined>;
  readFrom?: ((partition: number, position: bigint) => Promise<bigint>) | undefined;
  check: Check;
  halt: (reason: string) => void;
  log: Log;
  stopping: AbortSignal;
}): Assignment {
  const { consumer, topic, check, log, stopping } = options;
  let held = new Map<number, HeldPartition>();

  const positionWhile = async (isOurs: () => boolean, partition: number) => {
    for (let tries = 1; ; tries++) {
      try {
        const position = await options.positionOf(partition);
        const from = position && (await options.readFrom?.(partition, position));
        return { position, from: from ?? position };
      } catch (error) {
        if (!(error instanceof TransientError) || !isOurs()) throw error;
        check.failing(messageOf(error));
        log.warn({ topic, partition, tries, reason: messageOf(error) }, "position not known yet");
        await delay(retryDelayMs(tries), undefined, { signal: stopping });
      }
    }
  };

  const stop = (partition: number) => consumer.pause([{ topic, partitions: [partition] }]);
  const goOn = (partition: number, from: bigint | undefined) => {
    if (from !== undefined) consumer.seek({ topic, partition, offset: from.toString() });
    consumer.resume([{ topic, partitions: [partition] }]);
  };

  const place = async (partition: number, into: Map<number, HeldPartition>) => {
    const isOurs = () => held === into && !stopping.aborted;
    const start = await positionWhile(isOurs, partition);
    if (!isOurs()) return;
    let { position } = start;
    into.set(partition, {
      position: () => position,
      moveTo: (nextOffset) => (position = nextOffset),
      isOurs,
    });
    goOn(partition, start.from);
    log.debug({ topic, partition, position: position?.toString() }, "partition placed");
  };

  const placeAll = async (partitions: readonly number[], into: Map<number, HeldPartition>) => {
    try {
      await Promise.all(partitions.map((partition) => place(partition, into)));
      if (held !== into) return;
      check.ok();
      log.info({ topic, partitions }, "partitions assigned");
    } catch (error) {
      if (held === into && !stopping.aborted) options.halt(messageOf(error));
    }
  };

  return {
    begin: (partitions) => {
      held = new Map();
      if (partitions.length > 0) consumer.pause([{ topic, partitions: [...partitions] }]);
      void placeAll(partitions, held);
    },
    end: () => {
      held = new Map();
    },
    placeAgain: (partition) => {
      if (!held.delete(partition)) return;
      stop(partition);
      void placeAll([partition], held);
    },
    hold: (partition, position, released) => {
      const into = held;
      if (!into.has(partition)) return;
      stop(partition);
      void released.then(() => {
        if (held === into && !stopping.aborted) goOn(partition, position);
      });
    },
    current: (partition) => held.get(partition),
  };
}
