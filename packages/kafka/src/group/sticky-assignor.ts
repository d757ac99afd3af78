/** A member as the leader sees it. */
export type Member = {
  readonly memberId: string;
  readonly owned: readonly number[];
  /** Since when it owns them: of two that say so of a partition, the later one is right. */
  readonly generationId: number;
};

/**
 * Assigns partitions so that no member has two more than another, and everyone keeps what it has as far as
 * that goes. What moves is given to nobody as long as its owner has it (KIP-429): it gives it up and joins
 * again, and then it is free. Nobody else stops for that.
 *
 * @param partitions all of the topic
 * @returns what each member has from now on, by `memberId`
 */
export function assignSticky(
  partitions: readonly number[],
  members: readonly Member[],
): Map<string, number[]> {
  const ids = members.map(({ memberId }) => memberId).sort();
  const owners = ownersOf(members);
  const target = targetOf(partitions, ids, owners);
  return new Map(
    ids.map((id) => [
      id,
      (target.get(id) ?? []).filter((partition) => (owners.get(partition) ?? id) === id),
    ]),
  );
}

/** Who owns each partition by what the members say. */
function ownersOf(members: readonly Member[]): Map<number, string> {
  const owners = new Map<number, { memberId: string; generationId: number }>();
  for (const { memberId, owned, generationId } of members) {
    for (const partition of owned) {
      const before = owners.get(partition);
      if (before === undefined || before.generationId < generationId) {
        owners.set(partition, { memberId, generationId });
      }
    }
  }
  return new Map([...owners].map(([partition, { memberId }]) => [partition, memberId]));
}

function targetOf(
  partitions: readonly number[],
  ids: readonly string[],
  owners: ReadonlyMap<number, string>,
): Map<string, number[]> {
  const target = new Map<string, number[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return target;
  const least = Math.floor(partitions.length / ids.length);
  /** How many members may have one more than `least`. */
  let extras = partitions.length % ids.length;

  const free: number[] = [];
  for (const partition of [...partitions].sort((one, other) => one - other)) {
    const had = target.get(owners.get(partition) ?? "");
    if (had === undefined) free.push(partition);
    else if (had.length < least) had.push(partition);
    else if (had.length === least && extras > 0) {
      extras--;
      had.push(partition);
    } else free.push(partition);
  }
  for (const some of target.values()) {
    while (some.length < least) some.push(...free.splice(0, 1));
  }
  for (const some of target.values()) {
    if (free.length === 0) break;
    if (some.length === least) some.push(...free.splice(0, 1));
  }
  return target;
}
