import { describe, expect, it } from "@jest/globals";
import { createTurns } from "./take-turns.ts";

const turnOfTheEventLoop = () => new Promise(setImmediate);

describe("taking turns", () => {
  it("ends a turn when its time is used up, and begins another one", async () => {
    let now = 0;
    const turn = createTurns({ turnMs: 3, nowMs: () => now })("k");
    now = 2;
    expect(turn.isOver()).toBe(false);
    now = 3;
    expect(turn.isOver()).toBe(true);
    await turn.next();
    expect(turn.isOver()).toBe(false);
  });

  it("continues one task in each turn of the event loop, in their order", async () => {
    const takeTurns = createTurns({ turnMs: 3 });
    const wentOn: string[] = [];
    const work = async (name: string) => {
      const turn = takeTurns("k");
      for (let turns = 0; turns < 2; turns++) {
        await turn.next();
        wentOn.push(name);
      }
    };
    const works = ["a", "b", "c"].map(work);
    const seen: number[] = [];
    while (wentOn.length < 6) {
      seen.push(wentOn.length);
      await turnOfTheEventLoop();
    }
    await Promise.all(works);
    expect(wentOn).toEqual(["a", "b", "c", "a", "b", "c"]);
    // Between two looks at most one has gone on.
    expect(seen.every((count, at) => at === 0 || count - (seen[at - 1] ?? 0) <= 1)).toBe(true);
  });

  it("continues the senders' tasks alternately, however many each sender has", async () => {
    const takeTurns = createTurns({ turnMs: 3 });
    const wentOn: string[] = [];
    const work = async (whose: string) => {
      const turn = takeTurns(whose);
      for (let turns = 0; turns < 3; turns++) {
        await turn.next();
        wentOn.push(whose);
      }
    };
    await Promise.all([...Array.from({ length: 100 }, () => "many"), "one"].map(work));
    expect(wentOn.slice(0, 7)).toEqual(["many", "one", "many", "one", "many", "one", "many"]);
    expect(wentOn).toHaveLength(303);
  });
});
