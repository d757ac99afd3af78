export type TransactionQueues<Queue> = {
  /** The queue of those who go one way to the same brokers; made when there is none yet. */
  of: (way: string, brokers: readonly string[]) => Queue;
  all: () => Queue[];
};

/**
 * Each queue has a transactional id, of which its coordinator keeps what it knows for days, and all of them are committed
 * with each offset: 4,096 bytes are what a broker keeps with one by default.
 */
const MOST_QUEUES = 32;

/** Queues by their brokers; where there are too many sets of brokers, the later ones of a way share one for all. */
export function createTransactionQueues<Queue>(
  make: (brokers: readonly string[], way: string) => Queue,
): TransactionQueues<Queue> {
  const queues = new Map<string, Queue>();

  const named = (name: string, brokers: readonly string[], way: string): Queue => {
    const queue = queues.get(name) ?? make(brokers, way);
    queues.set(name, queue);
    return queue;
  };

  return {
    of: (way, brokers) => {
      const name = `${way} ${brokers.join("+")}`;
      const hasRoom = queues.has(name) || queues.size < MOST_QUEUES;
      return hasRoom ? named(name, brokers, way) : named(`${way} all`, [], way);
    },
    all: () => [...queues.values()],
  };
}
