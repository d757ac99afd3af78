export type Lanes<Lane> = {
  /** The lane of those who go one way to the same brokers; made when there is none yet. */
  of: (way: string, brokers: readonly string[]) => Lane;
  all: () => Lane[];
};

/**
 * Each lane has a transactional id, of which its coordinator keeps what it knows for days, and all of them are committed
 * with each offset: 4,096 bytes are what a broker keeps with one by default.
 */
const MOST_LANES = 32;

/** Lanes by their brokers; where there are too many sets of brokers, the later ones of a way share one for all. */
export function createLanes<Lane>(
  make: (brokers: readonly string[], way: string) => Lane,
): Lanes<Lane> {
  const lanes = new Map<string, Lane>();

  const named = (name: string, brokers: readonly string[], way: string): Lane => {
    const lane = lanes.get(name) ?? make(brokers, way);
    lanes.set(name, lane);
    return lane;
  };

  return {
    of: (way, brokers) => {
      const name = `${way} ${brokers.join("+")}`;
      const hasRoom = lanes.has(name) || lanes.size < MOST_LANES;
      return hasRoom ? named(name, brokers, way) : named(`${way} all`, [], way);
    },
    all: () => [...lanes.values()],
  };
}
