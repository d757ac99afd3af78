import { kafkajsFile } from "./kafkajs-cluster.ts";

/**
 * Makes kafkajs 2.2.4 continue when a partition has no leader. Without this patch it throws the first partition's error
 * and discards the rest of the metadata, so that one partition without a leader makes the whole topic unavailable. With
 * it, such a partition has the leader {@link NO_LEADER}, and the metadata is read again soon.
 *
 * The age of metadata is measured with a monotonic clock, too: otherwise, after the machine's clock is set back, metadata
 * would count as fresh for too long.
 *
 * The functions are taken from the package's files because kafkajs does not export them. If a later version moves them,
 * the service fails at start.
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
      ? Math.min(this.metadataMaxAge, REFRESH_SOON_MS)
      : this.metadataMaxAge;
    freshUntilMs.set(this, performance.now() + maxAgeMs);
  };
  prototype.refreshMetadataIfNecessary = async function refreshIfNecessary(topics) {
    // kafkajs sets `metadataExpireAt` to null when a broker is lost.
    const isFresh =
      this.metadataExpireAt !== null && performance.now() <= (freshUntilMs.get(this) ?? -1);
    const known = new Set(this.metadata?.topicMetadata.map(({ topic }) => topic));
    if (!isFresh || !topics.every((topic) => known.has(topic))) await this.refreshMetadata(topics);
  };
}

/** The value in Kafka's own answers. */
const NO_LEADER = -1;
const REFRESH_SOON_MS = 1_000;
/** Only from old versions, and irrelevant to clients: the partition has a leader. */
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
