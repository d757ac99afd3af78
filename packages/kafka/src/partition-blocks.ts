import { AssignerProtocol, type PartitionAssigner, PartitionAssigners } from "kafkajs";

/**
 * Neighbouring partitions: a power of two of them, the first one a multiple of it. A partition's blocks stay
 * the same ones however many partitions there are.
 */
export type Block = { readonly first: number; readonly size: number };

/** Each bounds a transaction: 16 partitions of 512 KB a fetch are 8 MB. */
const SIZES = [16, 8, 4, 2, 1];

/** All blocks that a partition is in, the largest first; the last one is the partition alone. */
export const blocksAround = (partition: number): Block[] =>
  SIZES.map((size) => ({ first: partition - (partition % size), size }));

/**
 * Whether all partitions of a block are owned.
 * @param count how many partitions there are; those of a block past it do not matter
 */
export function isOwned(
  { first, size }: Block,
  owned: ReadonlySet<number>,
  count: number,
): boolean {
  for (let partition = first; partition < Math.min(first + size, count); partition++) {
    if (!owned.has(partition)) return false;
  }
  return true;
}

/** Gives every member neighbouring partitions, none more than one more than another. */
export function shareOut(
  partitions: readonly number[],
  members: readonly string[],
): Map<string, number[]> {
  const sorted = [...partitions].sort((one, other) => one - other);
  const begin = (at: number) => Math.floor((at * sorted.length) / members.length);
  return new Map(members.map((member, at) => [member, sorted.slice(begin(at), begin(at + 1))]));
}

/** The assigner's name, and how it is told of at an assignment. */
export const NEIGHBOURS = "NeighbourAssigner";

/** Assigns partitions by `shareOut`. */
const neighbourAssigner: PartitionAssigner = ({ cluster }) => ({
  name: NEIGHBOURS,
  version: 0,
  protocol: ({ topics }) => ({
    name: NEIGHBOURS,
    metadata: MemberMetadata.encode({ version: 0, topics, userData: NO_DATA }),
  }),
  assign: async ({ members, topics }) => {
    const ids = members.map(({ memberId }) => memberId).sort();
    const shares = topics.map((topic) => {
      const metadata = cluster.findTopicPartitionMetadata(topic);
      const partitions = metadata.map(({ partitionId }) => partitionId);
      return { topic, of: shareOut(partitions, ids) };
    });
    return ids.map((memberId) => {
      const assignment = Object.fromEntries(
        shares.map(({ topic, of }) => [topic, of.get(memberId) ?? []]),
      );
      const memberAssignment = MemberAssignment.encode({
        version: 0,
        assignment,
        userData: NO_DATA,
      });
      return { memberId, memberAssignment };
    });
  },
});

/** What a group falls back to while it has members that do not know of neighbours is kafkajs's own. */
export const neighbourAssigners: PartitionAssigner[] = [
  neighbourAssigner,
  PartitionAssigners.roundRobin,
];

const NO_DATA = Buffer.alloc(0);
const { MemberAssignment, MemberMetadata } = AssignerProtocol;
