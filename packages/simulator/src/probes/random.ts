/** A pseudo-random number generator: the same seed gives the same numbers. */
export type Random = {
  /** Returns a number from 0 to below 1. */
  readonly unit: () => number;
  /** Returns a normally distributed number, with mean 0 and standard deviation 1. */
  readonly normal: () => number;
  readonly chance: (probability: number) => boolean;
};

/** @param seed 32 bits, from `seedOf` */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  // mulberry32: 32 bits of state are enough for the dozen numbers of one event.
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

/** Mixes several whole numbers into a seed; similar numbers give unrelated seeds. */
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
