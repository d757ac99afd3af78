import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { createRecentEvents } from "./recent-events.ts";

const idOf = (place: number) => createHash("sha1").update(String(place)).digest().subarray(0, 16);

describe("recent events", () => {
  it("recognizes events of a while ago, and no new ones", () => {
    const recent = createRecentEvents();
    const places = Array.from({ length: 50_000 }, (_, place) => place);
    const taken = places.filter((place) => recent.addAndTest(idOf(place), 0));
    const known = places.filter((place) => recent.addAndTest(idOf(place), 0));
    expect(taken).toEqual([]);
    expect(known).toHaveLength(50_000);
  });

  it("reads the id at its position", () => {
    const recent = createRecentEvents();
    const bytes = Buffer.concat([Buffer.alloc(3), idOf(1), idOf(2)]);
    expect([recent.addAndTest(bytes, 3), recent.addAndTest(bytes, 19)]).toEqual([false, false]);
    expect(recent.addAndTest(idOf(2), 0)).toBe(true);
  });

  it("evicts the oldest, and all when it is emptied", () => {
    const recent = createRecentEvents();
    for (let place = 0; place < 1_000_000; place++) recent.addAndTest(uniqueId(place), 0);
    expect(recent.addAndTest(uniqueId(0), 0)).toBe(false);
    expect(recent.addAndTest(uniqueId(999_999), 0)).toBe(true);
    recent.forget();
    expect(recent.addAndTest(uniqueId(999_999), 0)).toBe(false);
  });
});

/** Cheaper than a hash, and as even: an odd factor goes through all of the numbers. */
const id = Buffer.alloc(16);
function uniqueId(place: number): Buffer {
  id.writeUInt32LE(Math.imul(place, 2_654_435_761) >>> 0, 0);
  id.writeUInt16LE((Math.imul(place, 40_503) >>> 8) & 0xffff, 4);
  return id;
}
