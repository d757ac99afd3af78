export type TransactionQueues<Queue> = {
  /** Returns the queue for a lane and a set of brokers, and creates it if there is none yet. */
  of: (lane: string, brokers: readonly string[]) => Queue;
  all: () => Queue[];
};

/**
 * Each queue has a transactional id, whose state its coordinator retains for days. All ids are in the metadata of each
 * committed offset, of which a broker stores 4,096 bytes by default.
 */
const MAX_QUEUES = 32;

/** Creates queues for each lane and set of brokers. Past MAX_QUEUES, new sets of brokers share one queue of their lane. */
export function createTransactionQueues<Queue>(
  make: (brokers: readonly string[], lane: string) => Queue,
): TransactionQueues<Queue> {
  const queues = new Map<string, Queue>();

  const getOrCreate = (name: string, brokers: readonly string[], lane: string): Queue => {
    const queue = queues.get(name) ?? make(brokers, lane);
    queues.set(name, queue);
    return queue;
  };

  return {
    of: (lane, brokers) => {
      const name = `${lane} ${brokers.join("+")}`;
      const isDedicated = queues.has(name) || queues.size < MAX_QUEUES;
      return isDedicated ? getOrCreate(name, brokers, lane) : getOrCreate(`${lane} all`, [], lane);
    },
    all: () => [...queues.values()],
  };
}
