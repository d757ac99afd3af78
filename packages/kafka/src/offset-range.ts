import { createRequire } from "node:module";

/** A partition was to be read from an offset that Kafka does not have. */
export class OffsetOutOfRangeError extends Error {
  override readonly name = "OffsetOutOfRangeError";
  readonly partition: number;

  constructor(partition: number) {
    super(`offset out of range in partition ${partition}`);
    this.partition = partition;
  }
}

/**
 * Lets consumers of kafkajs 2.2.4 tell of an offset that is out of range, as a crash. By itself it
 * goes on at the first offset that there is, with a line in the log: records that retention deleted
 * unread would be lost in silence, and those of a topic that was made anew read or skipped by chance.
 *
 * The method is reached through the package's files because nothing exports it; the import throws at
 * start should a later version move it.
 */
export function tellOffsetsOutOfRange(): void {
  const require = createRequire(import.meta.url);
  const { prototype } = require("kafkajs/src/consumer/consumerGroup") as {
    prototype: ConsumerGroup;
  };
  prototype.recoverFromOffsetOutOfRange = async function recover({ topic, partition }) {
    const followers = this.preferredReadReplicasPerTopicPartition[topic];
    if (followers?.[partition] !== undefined) {
      // A follower may lag behind: only its leader knows.
      delete followers[partition];
      return;
    }
    const error = new OffsetOutOfRangeError(partition);
    const { groupId } = this;
    this.instrumentationEmitter.emit("consumer.crash", { error, groupId, restart: false });
  };
}

type ConsumerGroup = {
  groupId: string;
  preferredReadReplicasPerTopicPartition: Record<string, Record<number, unknown> | undefined>;
  instrumentationEmitter: { emit: (event: string, payload: object) => void };
  recoverFromOffsetOutOfRange: (
    this: ConsumerGroup,
    where: { topic: string; partition: number },
  ) => Promise<void>;
};
