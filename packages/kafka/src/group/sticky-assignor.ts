/** A member by its subscription. */
export type Member = {
  readonly memberId: string;
  readonly owned: readonly number[];
  /** The generation in which it got them: of two members with the same partition, the one with the higher generation owns it. */
  readonly generationId: number;
};

/**
 * Assigns partitions so that the members' numbers differ by at most one, and each member keeps as many of its own as
 * possible. A partition that moves is assigned to nobody while its owner still has it (KIP-429): the owner gives it up and
 * joins again; then it is free. The other members are not interrupted.
 *
 * @param partitions all partitions of the topic
 * @returns each member's partitions, by `memberId`
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

/** Returns the owner of each partition. */
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
  /** How many members get one more than `least`. */
  let extras = partitions.length % ids.length;

  const free: number[] = [];
  for (const partition of [...partitions].sort((a, b) => a - b)) {
    const had = target.get(owners.get(partition) ?? "");
    if (had === undefined) free.push(partition);
    else if (had.length < least) had.push(partition);
    else if (had.length === least && extras > 0) {
      extras--;
      had.push(partition);
    } else free.push(partition);
  }
  for (const assigned of target.values()) {
    while (assigned.length < least) assigned.push(...free.splice(0, 1));
  }
  for (const assigned of target.values()) {
    if (free.length === 0) break;
    if (assigned.length === least) assigned.push(...free.splice(0, 1));
  }
  return target;
}
