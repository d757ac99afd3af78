import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  addIdBytes,
  addIdText,
  digestOf,
  type DigestValues,
  emptyDigest,
  isSame,
  merged,
  NO_EVENTS,
  removeIdText,
  valuesOf,
} from "./digest.ts";

const uuids = fc.array(fc.uuid(), { maxLength: 200 });

/** As SELECT uuid_hash_extended(id, 0) says. */
const HASHES = [
  ["5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11", -1991779165708433362n],
  ["00000000-0000-0000-0000-000000000000", -6859010066814654381n],
  ["ffffffff-ffff-ffff-ffff-ffffffffffff", 293445543803463785n],
] as const;

const ofText = (ids: readonly string[]): DigestValues => {
  const digest = emptyDigest();
  for (const id of ids) addIdText(digest, Buffer.from(`H${id}`), 1);
  return valuesOf(digest);
};
const ofBytes = (ids: readonly string[]): DigestValues => {
  const digest = emptyDigest();
  for (const id of ids) addIdBytes(digest, Buffer.from(id.replaceAll("-", ""), "hex"), 0);
  return valuesOf(digest);
};

describe("digest", () => {
  it("is count, sum and xor of PostgreSQL's uuid_hash_extended, from text or bytes", () => {
    for (const [id, hash] of HASHES) {
      const unsigned = BigInt.asUintN(64, hash);
      expect(ofText([id])).toEqual({ count: 1n, sum: unsigned, xor: unsigned });
    }
    fc.assert(
      fc.property(uuids, (ids) => {
        const each = ids.map((id) => ofText([id]));
        expect(ofText(ids)).toEqual(each.reduce(merged, NO_EVENTS));
        expect(ofText(ids.map((id) => id.toUpperCase()))).toEqual(ofText(ids));
        expect(ofBytes(ids)).toEqual(ofText(ids));
      }),
    );
  });

  it("merges to the digest of the whole set, however it was divided and ordered", () => {
    fc.assert(
      fc.property(uuids, fc.nat(200), fc.nat(200), (ids, one, other) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const parts = [ids.slice(to), ids.slice(0, from), ids.slice(from, to).toReversed()];
        const whole = parts.map(ofText).reduce(merged, NO_EVENTS);
        expect(isSame(whole, ofText(ids))).toBe(true);
      }),
    );
  });

  it("differs if one of the ids is missing, duplicated or replaced", () => {
    const id = (place: number) => {
      const hex = createHash("sha1").update(String(place)).digest("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    };
    const ids = Array.from({ length: 100 }, (_, place) => id(place));
    const whole = ofText(ids);
    for (let place = 0; place < ids.length; place++) {
      const one = ids[place] ?? "";
      expect(isSame(ofText(ids.toSpliced(place, 1)), whole)).toBe(false);
      expect(isSame(ofText([...ids, one]), whole)).toBe(false);
      expect(isSame(ofText(ids.toSpliced(place, 1, id(100 + place))), whole)).toBe(false);
    }
  });

  it("is as before if an event is removed again", () => {
    fc.assert(
      fc.property(uuids, fc.uuid(), (ids, id) => {
        const digest = digestOf(ofText(ids));
        addIdText(digest, Buffer.from(id), 0);
        removeIdText(digest, Buffer.from(id), 0);
        expect(valuesOf(digest)).toEqual(ofText(ids));
      }),
    );
  });

  it("is restored from its values", () => {
    fc.assert(
      fc.property(uuids, (ids) => {
        expect(valuesOf(digestOf(ofText(ids)))).toEqual(ofText(ids));
      }),
    );
  });
});
