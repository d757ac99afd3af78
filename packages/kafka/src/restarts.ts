import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import type { KafkaClient } from "./kafka.ts";
import { leaveGroup } from "./leave-group.ts";

/** What is done when kafkajs gives a consumer up and starts it anew, as another member of its group. */
export type Restarts = {
  readonly joined: (memberId: string) => void;
  /** Settles when the consumer may start, or when it is to stop. */
  readonly prepare: (cause: Error) => Promise<void>;
};

const MAX_DELAY_MS = 1_000;

/**
 * Takes the member that the consumer was out of the group first, and waits for Kafka to do so: otherwise the
 * group would wait a whole session for it. One line in the log for each outage.
 *
 * @param options.alive told of each try
 */
export function createRestarts(options: {
  kafka: KafkaClient;
  groupId: string;
  topic: string;
  alive: () => void;
  stopping: AbortSignal;
  log: Log;
}): Restarts {
  const { kafka, groupId, topic, alive, stopping, log } = options;
  let memberId: string | undefined;
  let isDown = false;

  const leave = async (member: string) => {
    for (let tries = 1; !stopping.aborted; tries++) {
      alive();
      try {
        return await leaveGroup(kafka, { groupId, memberId: member });
      } catch (error) {
        log.debug(
          { topic, groupId, tries, reason: messageOf(error) },
          "cannot leave the group yet",
        );
        await delay(Math.min(retryDelayMs(tries), MAX_DELAY_MS), undefined, {
          signal: stopping,
        }).catch(() => undefined);
      }
    }
  };

  return {
    joined: (id) => {
      memberId = id;
      if (isDown) log.info({ topic, groupId }, "consumer is back in its group");
      isDown = false;
    },
    prepare: async (cause) => {
      if (stopping.aborted) return;
      if (!isDown) log.warn({ topic, groupId, reason: messageOf(cause) }, "consumer starts anew");
      isDown = true;
      if (memberId === undefined) return;
      await leave(memberId);
      memberId = undefined;
    },
  };
}
