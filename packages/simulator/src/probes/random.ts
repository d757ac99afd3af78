/** A source of numbers that looks random and always gives the same ones for the same seed. */
export type Random = {
  /** From 0 up to 1, 1 excluded. */
  readonly unit: () => number;
  /** Around 0 with a standard deviation of 1. */
  readonly normal: () => number;
  readonly chance: (probability: number) => boolean;
};

/** @param seed 32 bits, as `seedOf` makes them */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  // mulberry32: 32 bits of state are plenty for the dozen numbers that one event takes.
  const unit = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    unit,
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
    chance: (probability) => unit() < probability,
  };
}

/** One seed of several whole numbers: near numbers give seeds that have nothing in common. */
export function seedOf(...parts: readonly number[]): number {
  let mixed = 0x9e3779b9;
  for (const part of parts) {
    mixed = Math.imul(mixed ^ (part | 0), 0x85ebca6b);
    mixed ^= mixed >>> 13;
    mixed = Math.imul(mixed, 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return mixed >>> 0;
}
