import { throwIfFailed } from "../broker/broker-answer.ts";
import { type BrokerAddress, type Connections, nameOf } from "../broker/connections.ts";
import { fetchApi, type FetchedBytes } from "../protocol/fetch-request.ts";

/** What is fetched of one partition. */
export type WantedPartition = {
  readonly partition: number;
  readonly offset: bigint;
  /** Of its leader; -1 where it is not known. */
  readonly currentLeaderEpoch: number;
  /** Of the last batch before `offset`; -1 where it is not known. */
  readonly lastFetchedEpoch: number;
};

/** What a fetch may take beyond the time that the broker holds it back. */
const PATIENCE_MS = 5_000;
const READ_COMMITTED = 1;

/**
 * Fetches once from one broker, outside of fetch sessions.
 * @param options.waitMs how long the broker may wait for `minBytes`
 * @throws {BrokerAnswerError} the whole fetch is refused; a partition's own error is in the answer
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
    /** Of all partitions together, and of one. */
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
      timeoutMs: waitMs + PATIENCE_MS,
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
        partitions: options.partitions.map((one) => ({
          partition: one.partition,
          currentLeaderEpoch: one.currentLeaderEpoch,
          fetchOffset: one.offset,
          lastFetchedEpoch: one.lastFetchedEpoch,
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
