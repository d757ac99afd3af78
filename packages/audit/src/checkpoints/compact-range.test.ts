import { randomBytes } from "node:crypto";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { createCompactRange, EMPTY_ROOT, leafHash, nodeHash } from "./compact-range.ts";

/** RFC 6962, section 2.1, as it is written there. */
function referenceRoot(leaves: readonly Uint8Array[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return EMPTY_ROOT;
  if (leaves.length === 1) return leafHash(first);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(referenceRoot(leaves.slice(0, split)), referenceRoot(leaves.slice(split)));
}

it("has the root of RFC 6962's recursion at every size", () => {
  const leaves = Array.from({ length: 300 }, () => randomBytes(32));
  const range = createCompactRange();
  expect(range.root()).toEqual(referenceRoot([]));
  leaves.forEach((leaf, index) => {
    range.append(leaf);
    expect(range.size()).toBe(index + 1);
    expect(range.root()).toEqual(referenceRoot(leaves.slice(0, index + 1)));
  });
});

it("has the same root for any leaves, however its copies are used", () => {
  const leaf = fc.uint8Array({ minLength: 0, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(leaf, { maxLength: 130 }),
      fc.array(leaf, { maxLength: 20 }),
      (leaves, others) => {
        const range = createCompactRange();
        for (const each of leaves) range.append(each);
        const copy = range.copy();
        for (const each of others) copy.append(each);
        expect(range.root()).toEqual(referenceRoot(leaves));
        expect(copy.root()).toEqual(referenceRoot([...leaves, ...others]));
        expect(copy.size()).toBe(leaves.length + others.length);
      },
    ),
  );
});

/** Test vectors of certificate-transparency-go (merkle tree of 8 leaves), which other implementations use too. */
it("has the roots of the known test vectors", () => {
  const leaves = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ].map((hex) => Buffer.from(hex, "hex"));
  const range = createCompactRange();
  const roots = leaves.map((leaf) => {
    range.append(leaf);
    return range.root().toString("hex");
  });
  expect(roots[0]).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  expect(roots[1]).toBe("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
  expect(roots[7]).toBe("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
});
