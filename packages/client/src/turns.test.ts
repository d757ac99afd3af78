import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { createTurns } from "./turns.ts";

describe("turns", () => {
  it("let so many run at once, in order", async () => {
    const inTurn = createTurns(1);
    const first = Promise.withResolvers<void>();
    const began: number[] = [];
    const run = (number: number, until?: Promise<void>) => {
      const work = async () => {
        began.push(number);
        await until;
      };
      return inTurn({ work, owned: undefined });
    };
    const all = [run(1, first.promise), run(2), run(3)];
    await Promise.resolve();
    expect(began).toEqual([1]);
    first.resolve();
    await Promise.all(all);
    expect(began).toEqual([1, 2, 3]);
  });

  it("leave out what was lost while it waited", async () => {
    const inTurn = createTurns(1);
    const first = Promise.withResolvers<void>();
    const lost = new AbortController();
    const done: string[] = [];
    const inHand = inTurn({ work: () => first.promise, owned: undefined });
    const work = async (name: string) => void done.push(name);
    const waiting = inTurn({ work: () => work("lost"), owned: lost.signal });
    const last = inTurn({ work: () => work("ours"), owned: new AbortController().signal });
    lost.abort();
    first.resolve();
    await expect(waiting).rejects.toThrow(TransientError);
    await Promise.all([inHand, last]);
    expect(done).toEqual(["ours"]);
  });
});
