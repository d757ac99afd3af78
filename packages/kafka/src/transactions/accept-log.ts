import { FatalError } from "@fiberstream/runtime/errors";
import { offsetCommitV8 } from "@platformatic/kafka";
import { BrokerAnswerError } from "../broker/broker-answer.ts";
import type { Connections } from "../broker/connections.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { isAnotherLog } from "../log-identity.ts";
import type { LogStarts } from "../broker/log-starts.ts";
import type { LogIdentity } from "../records.ts";
import { committedOffsets } from "./coordinator/committed-offsets.ts";
import { createCoordinators } from "./coordinator/coordinators.ts";
import { readOffsetMetadata, writeOffsetMetadata } from "./coordinator/offset-metadata.ts";

/** A committed offset whose metadata says that it belongs to another log. */
export type ForeignOffset = {
  readonly partition: number;
  readonly offset: bigint;
  readonly log: LogIdentity;
  /** The log start offset of the log that Kafka has; undefined if no broker answers. */
  readonly start: bigint | undefined;
};

/**
 * Returns the group's offsets that belong to another log than the one that Kafka has.
 * @throws {TransientError} also if some of them are not known
 * @throws {FatalError}
 */
export async function foreignOffsets(options: {
  connections: Connections;
  groupId: string;
  topic: string;
  found: LogStarts;
}): Promise<ForeignOffset[]> {
  const { connections, found } = options;
  const coordinators = createCoordinators(connections);
  const { partitions, starts } = found;
  try {
    const answers = await committedOffsets({
      ...options,
      coordinators,
      partitions,
      stable: "required",
    });
    return [...answers].flatMap(([partition, answer]) => {
      if (typeof answer !== "object") throw new Error(`partition ${partition} is not known yet`);
      const { log } = readOffsetMetadata(answer.metadata);
      if (answer.offset === undefined || log === undefined) return [];
      if (!isAnotherLog(log, found.log)) return [];
      return [{ partition, offset: answer.offset, log, start: starts.get(partition) }];
    });
  } catch (error) {
    throw kafkaFailure(error);
  }
}

/**
 * Commits the log start offsets of the log that Kafka has, so that the group starts there. The group has to be empty:
 * otherwise its coordinator rejects the commit.
 * @throws {TransientError}
 * @throws {FatalError} the group has members
 */
export async function beginWithLog(options: {
  connections: Connections;
  groupId: string;
  topic: string;
  log: LogIdentity;
  starts: ReadonlyMap<number, bigint>;
}): Promise<void> {
  const { connections, groupId, topic, log, starts } = options;
  const committedMetadata = writeOffsetMetadata({ text: "", log, committer: undefined });
  const partitions = Array.from(starts, ([partitionIndex, committedOffset]) => ({
    partitionIndex,
    committedOffset,
    committedLeaderEpoch: NONE,
    committedMetadata,
  }));
  try {
    await createCoordinators(connections).ask(
      { kind: "group", key: groupId, channel: "positions" },
      offsetCommitV8.api,
      ({ topics }) => topics.flatMap((found) => found.partitions.map(({ errorCode }) => errorCode)),
      groupId,
      NONE,
      "",
      null,
      [{ name: topic, partitions }],
    );
  } catch (error) {
    if (error instanceof BrokerAnswerError && HAS_MEMBERS.has(error.type)) {
      throw new FatalError(`the group ${groupId} has members`, "Stop all processors first", {
        cause: error,
      });
    }
    throw kafkaFailure(error);
  }
}

/** No generation, no epoch. */
const NONE = -1;
const HAS_MEMBERS = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"]);
