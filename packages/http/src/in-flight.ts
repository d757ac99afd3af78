/** Counts what each owner has in flight; an owner that has nothing costs no memory. */
export type InFlight = {
  /**
   * Counts one more, unless the owner has the maximum.
   * @returns whether it was counted
   */
  readonly enter: (ownerId: string, max: number) => boolean;
  /** To be called once for each {@link enter} that returned true. */
  readonly leave: (ownerId: string) => void;
};

export function createInFlight(): InFlight {
  const counts = new Map<string, number>();
  return {
    enter: (ownerId, max) => {
      const count = counts.get(ownerId) ?? 0;
      if (count >= max) return false;
      counts.set(ownerId, count + 1);
      return true;
    },
    leave: (ownerId) => {
      const left = (counts.get(ownerId) ?? 0) - 1;
      if (left > 0) counts.set(ownerId, left);
      else counts.delete(ownerId);
    },
  };
}
