/**
 * Asks for several partitions at once what is asked for one by one within a turn of the event loop.
 * @returns a function that gives what the common answer has of the partition, and throws what it threw
 */
export function batchedByTurn<Answer>(
  ask: (partitions: readonly number[]) => Promise<ReadonlyMap<number, Answer>>,
): (partition: number) => Promise<Answer | undefined> {
  let next: { partitions: Set<number>; answer: Promise<ReadonlyMap<number, Answer>> } | undefined;

  const askSoon = (partitions: Set<number>) =>
    new Promise<ReadonlyMap<number, Answer>>((resolve, reject) => {
      setImmediate(() => {
        next = undefined;
        ask([...partitions]).then(resolve, reject);
      });
    });

  return async (partition) => {
    if (next === undefined) {
      const partitions = new Set<number>();
      next = { partitions, answer: askSoon(partitions) };
    }
    next.partitions.add(partition);
    return (await next.answer).get(partition);
  };
}
