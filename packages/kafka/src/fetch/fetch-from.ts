import { throwIfFailed } from "../broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "../broker/connections.ts";
import { fetchApi, type FetchedBytes } from "../protocol/fetch-request.ts";

/** What to fetch from one partition. */
export type WantedPartition = {
  readonly partition: number;
  readonly offset: bigint;
  /** Of its leader; -1 if unknown. */
  readonly currentLeaderEpoch: number;
  /** Of the last batch before `offset`; -1 if unknown. */
  readonly lastFetchedEpoch: number;
};

/** How long a fetch may take beyond the time that the broker may wait. */
const EXTRA_TIMEOUT_MS = 5_000;
const READ_COMMITTED = 1;

/**
 * Sends one fetch to one broker, outside of fetch sessions.
 * @param options.waitMs how long the broker may wait for `minBytes`
 * @throws {BrokerAnswerError} the whole fetch fails; a partition's own error is in the result
 * @throws {Error}
 */
export async function fetchFrom(
  call: Connections["call"],
  broker: BrokerAddress,
  options: {
    channel: string;
    topicId: string;
    partitions: readonly WantedPartition[];
    minBytes: number;
    waitMs: number;
    /** Maximum for all partitions together; `maxBytesPerPartition` for each. */
    maxBytes: number;
    maxBytesPerPartition: number;
    onProgress?: () => void;
  },
): Promise<readonly FetchedBytes[]> {
  const { waitMs, onProgress } = options;
  const answer = await call(
    broker,
    options.channel,
    {
      api: fetchApi,
      timeoutMs: waitMs + EXTRA_TIMEOUT_MS,
      ...(onProgress !== undefined && { onProgress }),
    },
    waitMs,
    options.minBytes,
    options.maxBytes,
    READ_COMMITTED,
    0,
    -1,
    [
      {
        topicId: options.topicId,
        partitions: options.partitions.map(({ partition, offset, ...epochs }) => ({
          partition,
          fetchOffset: offset,
          ...epochs,
          partitionMaxBytes: options.maxBytesPerPartition,
        })),
      },
    ],
    [],
    "",
  );
  throwIfFailed(answer.errorCode, `fetch from ${nameOf(broker)}`);
  return answer.partitions;
}
