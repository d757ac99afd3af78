import { hash } from "node:crypto";

/**
 * The Merkle tree of RFC 6962 over the first entries of a log, kept as the roots of its complete subtrees: at most 53
 * hashes, however many entries there are. A leaf's data is an entry's hash.
 */
export type CompactRange = {
  readonly size: () => number;
  readonly append: (leaf: Uint8Array) => void;
  /** Returns the tree's root: 32 bytes. */
  readonly root: () => Buffer;
  /** Returns a tree that grows independently. */
  readonly copy: () => CompactRange;
};

export const createCompactRange = (): CompactRange => rangeOf(0, []);

function rangeOf(initialSize: number, initialNodes: readonly Buffer[]): CompactRange {
  let size = initialSize;
  /** The largest subtree first; there is one for each bit of `size`. */
  const nodes = [...initialNodes];
  return {
    size: () => size,
    append: (leaf) => {
      let node = leafHash(leaf);
      // Not with bit operators, which cut numbers to 32 bits.
      for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) {
        node = nodeHash(nodes.pop() ?? node, node);
      }
      nodes.push(node);
      size++;
    },
    root: () => nodes.reduceRight<Buffer | undefined>(joined, undefined) ?? EMPTY_ROOT,
    copy: () => rangeOf(size, nodes),
  };
}

const joined = (right: Buffer | undefined, left: Buffer) =>
  right === undefined ? left : nodeHash(left, right);

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

/** RFC 6962, section 2.1: the prefixes keep a leaf from being taken for a node. */
export const leafHash = (leaf: Uint8Array): Buffer => sha256(Buffer.concat([LEAF, leaf]));
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer =>
  sha256(Buffer.concat([NODE, left, right]));

const sha256 = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");
export const EMPTY_ROOT = sha256(Buffer.alloc(0));
