/** Whether a connection is so old that its next answer is to be its last one. */
export type IsTooOld = (connection: object) => boolean;

/**
 * Bounds the age of connections: one that probes keep for days stays with its gateway, and a gateway that is added
 * gets nothing. Each has an age of its own between half of the greatest and all of it, so that those who came together
 * do not go together.
 */
export function createConnectionAges({ maxAgeMs }: { maxAgeMs: number }): IsTooOld {
  const endsAtMs = new WeakMap<object, number>();
  return (connection) => {
    const nowMs = performance.now();
    const known = endsAtMs.get(connection);
    if (known !== undefined) return nowMs >= known;
    endsAtMs.set(connection, nowMs + (maxAgeMs * (1 + Math.random())) / 2);
    return false;
  };
}
