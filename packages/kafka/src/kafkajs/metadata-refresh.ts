import { kafkajsFile } from "./kafkajs-cluster.ts";

/**
 * Lets kafkajs 2.2.4 go on when a partition has no leader. By itself it throws the first partition's error
 * and with it all that the brokers have said, so that one partition without a leader takes its whole topic
 * away from producers, consumers and admins. Here such a partition has the leader {@link NO_LEADER}, and
 * the metadata is asked for again soon.
 *
 * Metadata also ages by a monotonic clock: after a step back of the machine's clock it would be fresh for
 * as much longer.
 *
 * Answers and refreshing are reached through the package's files because nothing exports them; the import
 * throws at start should a later version move them.
 */
export function tolerateLeaderlessPartitions(): void {
  for (const version of metadataVersions) {
    const response = kafkajsFile(
      `kafkajs/src/protocol/requests/metadata/v${version}/response`,
    ) as MetadataResponse;
    const { parse } = response;
    response.parse = (metadata) => parse(withoutErrors(metadata));
  }
  const { prototype } = kafkajsFile("kafkajs/src/cluster/brokerPool") as { prototype: BrokerPool };
  if (ageing.has(prototype)) return;
  ageing.add(prototype);
  const { refreshMetadata } = prototype;
  prototype.refreshMetadata = async function refresh(topics) {
    await refreshMetadata.call(this, topics);
    const maxAgeMs = isSomeLeaderless(this.metadata)
      ? Math.min(this.metadataMaxAge, LOOK_AGAIN_MS)
      : this.metadataMaxAge;
    freshUntilMs.set(this, performance.now() + maxAgeMs);
  };
  prototype.refreshMetadataIfNecessary = async function refreshIfNecessary(topics) {
    // kafkajs takes `metadataExpireAt` away when a broker is gone.
    const isFresh =
      this.metadataExpireAt !== null && performance.now() <= (freshUntilMs.get(this) ?? -1);
    const known = new Set(this.metadata?.topicMetadata.map(({ topic }) => topic));
    if (!isFresh || !topics.every((topic) => known.has(topic))) await this.refreshMetadata(topics);
  };
}

/** As Kafka has it in its own answers. */
const NO_LEADER = -1;
const LOOK_AGAIN_MS = 1_000;
/** Only of old versions, and nothing to a client: the leader is there. */
const REPLICA_NOT_AVAILABLE = 9;

const withoutErrors = (metadata: Metadata): Metadata => ({
  ...metadata,
  topicMetadata: metadata.topicMetadata.map((topic) => ({
    ...topic,
    partitionMetadata: topic.partitionMetadata.map((partition) => {
      const { partitionErrorCode: code } = partition;
      if (code === 0) return partition;
      const leader = code === REPLICA_NOT_AVAILABLE ? partition.leader : NO_LEADER;
      return { ...partition, partitionErrorCode: 0, leader };
    }),
  })),
});

const isSomeLeaderless = (metadata: Metadata | null): boolean =>
  metadata?.topicMetadata.some(({ partitionMetadata }) =>
    partitionMetadata.some(({ leader }) => leader < 0),
  ) ?? false;

const ageing = new WeakSet<BrokerPool>();
const freshUntilMs = new WeakMap<BrokerPool, number>();

const { versions: metadataVersions } = kafkajsFile("kafkajs/src/protocol/requests/metadata") as {
  versions: readonly string[];
};

type Metadata = {
  readonly topicMetadata: readonly {
    readonly topic: string;
    readonly partitionMetadata: readonly { partitionErrorCode: number; leader: number }[];
  }[];
};
type MetadataResponse = { parse: (metadata: Metadata) => Promise<Metadata> };
type BrokerPool = {
  metadata: Metadata | null;
  metadataExpireAt: number | null;
  metadataMaxAge: number;
  refreshMetadata: (this: BrokerPool, topics: readonly string[]) => Promise<void>;
  refreshMetadataIfNecessary: (this: BrokerPool, topics: readonly string[]) => Promise<void>;
};
