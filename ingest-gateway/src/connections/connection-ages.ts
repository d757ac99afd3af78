/** Returns whether a connection is so old that it is closed after its next answer. */
export type IsTooOld = (connection: object) => boolean;

/**
 * Bounds the age of connections: if probes keep their connections for days, a new gateway gets none. The maximum age is
 * random for each connection, between half of `maxAgeMs` and all of it, so that connections that were opened together
 * are not closed together.
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
