import { hashOf, NO_HASH } from "../log/audit-row.ts";
import { type CompactRange, createCompactRange } from "./compact-range.ts";

/** What an entry of the trail is hashed from, as `audit_log` and the topic audit.entries have it. */
export type ChainedEntry = {
  readonly seq: number;
  readonly prevHash: Uint8Array;
  /** The exact bytes. */
  readonly entry: Uint8Array;
  readonly hash: Uint8Array;
};

/** Up to which entry the trail has been followed: the last one's number and hash, and the tree over all of them. */
export type ChainPosition = {
  readonly seq: number;
  readonly hash: Buffer;
  readonly tree: CompactRange;
};

/** How an entry does not continue the chain. */
export type ChainFault = {
  readonly guard: "gap" | "chain" | "bytes";
  readonly seq: number;
  readonly message: string;
};

/** Before the first entry. */
export const chainStart = (): ChainPosition => ({
  seq: 0,
  hash: NO_HASH,
  tree: createCompactRange(),
});

/** Returns a position that goes on independently. */
export const copyOf = (position: ChainPosition): ChainPosition => ({
  ...position,
  tree: position.tree.copy(),
});

/** Returns the hash of an entry: SHA-256(0x00 ‖ hash of the entry before it ‖ bytes). */
export const entryHash = (prevHash: Uint8Array, entry: Uint8Array): Buffer =>
  hashOf({ prev_hash: Buffer.from(prevHash), entry: Buffer.from(entry) });

/** Returns how an entry does not continue the chain; undefined if it does. */
export function chainFault(
  position: Pick<ChainPosition, "seq" | "hash">,
  entry: ChainedEntry,
): ChainFault | undefined {
  const { seq } = entry;
  if (seq !== position.seq + 1) {
    const missing = `entry ${position.seq + 1} is missing: entry ${seq} follows entry ${position.seq}`;
    return { guard: "gap", seq: position.seq + 1, message: missing };
  }
  if (!position.hash.equals(entry.prevHash)) {
    const message = `entry ${seq} does not continue the chain: its prev_hash is not the hash of entry ${position.seq}`;
    return { guard: "chain", seq, message };
  }
  if (!entryHash(entry.prevHash, entry.entry).equals(entry.hash)) {
    return { guard: "bytes", seq, message: `the hash of entry ${seq} is not that of its bytes` };
  }
  return undefined;
}

/** Returns the position after an entry. The tree of `position` grows with it: use only one of the two from then on. */
export function afterEntry(position: ChainPosition, entry: ChainedEntry): ChainPosition {
  position.tree.append(entry.hash);
  return { seq: entry.seq, hash: Buffer.from(entry.hash), tree: position.tree };
}
