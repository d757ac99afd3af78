import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { assignSticky, type Member } from "./sticky-assignor.ts";

const range = (count: number) => Array.from({ length: count }, (_, at) => at);
const member = (memberId: string, owned: number[] = [], generationId = 1): Member => ({
  memberId,
  owned,
  generationId,
});

/** Joins again and again, each with what it has, until nothing moves. */
function settle(count: number, members: readonly Member[]): Map<string, number[]> {
  let now = new Map(members.map(({ memberId, owned }) => [memberId, [...owned]]));
  for (let generation = 2; generation < 10; generation++) {
    const joined = [...now].map(([id, owned]) => member(id, owned, generation));
    const next = assignSticky(range(count), joined);
    const isSame = [...next].every(([id, some]) => String(some) === String(now.get(id)));
    now = next;
    if (isSame) break;
  }
  return now;
}

describe("assignSticky", () => {
  it("distributes all partitions among new members", () => {
    const assigned = assignSticky(range(5), [member("a"), member("b")]);
    expect(new Set([...assigned.values()].flat())).toEqual(new Set(range(5)));
    expect([...assigned.values()].map(({ length }) => length)).toEqual([3, 2]);
  });

  it("assigns a partition that moves to nobody before its owner has given it up", () => {
    const first = assignSticky(range(4), [member("a", [0, 1, 2, 3]), member("b")]);
    expect(first).toEqual(
      new Map([
        ["a", [0, 1]],
        ["b", []],
      ]),
    );
    const second = assignSticky(range(4), [member("a", [0, 1], 2), member("b", [], 2)]);
    expect(second.get("b")).toEqual([2, 3]);
  });

  it("uses the higher generation of two members that claim a partition", () => {
    const assigned = assignSticky(range(2), [member("a", [0], 7), member("b", [0, 1], 6)]);
    expect(assigned).toEqual(
      new Map([
        ["a", [0]],
        ["b", [1]],
      ]),
    );
  });

  it("moves as few partitions as possible when one of 15 members restarts under another name", () => {
    const names = range(15).map((at) => `m${at}`);
    const before = settle(
      96,
      names.map((name) => member(name)),
    );
    const gone = assignSticky(
      range(96),
      [...before].slice(1).map(([id, owned]) => member(id, owned)),
    );
    const after = settle(96, [...[...gone].map(([id, owned]) => member(id, owned)), member("new")]);
    const moved = [...before]
      .slice(1)
      .map(([id, had]) => had.filter((p) => !after.get(id)?.includes(p)));
    expect(moved.flat().length).toBeLessThanOrEqual(6);
  });

  it("assigns all partitions once, evenly, and then stays stable", () => {
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.array(fc.array(fc.nat(80), { maxLength: 40 }), { minLength: 1, maxLength: 8 }),
        (count, claims) => {
          const members = claims.map((owned, at) => member(`m${at}`, [...new Set(owned)], at % 3));
          const first = assignSticky(range(count), members);
          const assigned = settle(
            count,
            [...first].map(([id, owned]) => member(id, owned)),
          );
          const all = [...assigned.values()].flat().sort((one, other) => one - other);
          expect(all).toEqual(range(count));
          const sizes = [...assigned.values()].map(({ length }) => length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
