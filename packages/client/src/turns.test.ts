import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { createTurns } from "./turns.ts";

const NEVER = new AbortController().signal;

describe("turns", () => {
  it("let so many run at once, in order", async () => {
    const inTurn = createTurns(1, NEVER);
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

  it("begin nothing that has waited until all was over", async () => {
    const over = new AbortController();
    const inTurn = createTurns(1, over.signal);
    const first = Promise.withResolvers<void>();
    let begun = 0;
    const inHand = inTurn({ work: () => first.promise, owned: undefined });
    const waiting = [1, 2].map(() => inTurn({ work: async () => begun++, owned: undefined }));
    over.abort();
    first.resolve();
    await inHand;
    for (const one of waiting) await expect(one).rejects.toThrow(TransientError);
    expect(begun).toBe(0);
  });

  it("leave out what was lost while it waited", async () => {
    const inTurn = createTurns(1, NEVER);
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
