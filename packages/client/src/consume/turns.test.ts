import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import { createTurns } from "./turns.ts";

const NEVER = new AbortController().signal;

describe("turns", () => {
  it("let a limited number run at once, in order", async () => {
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

  it("start no work that has waited until the end", async () => {
    const over = new AbortController();
    const inTurn = createTurns(1, over.signal);
    const first = Promise.withResolvers<void>();
    let begun = 0;
    const running = inTurn({ work: () => first.promise, owned: undefined });
    const waiting = [1, 2].map(() => inTurn({ work: async () => begun++, owned: undefined }));
    over.abort();
    first.resolve();
    await running;
    for (const one of waiting) await expect(one).rejects.toThrow(TransientError);
    expect(begun).toBe(0);
  });

  it("skip work whose partition was lost while it waited", async () => {
    const inTurn = createTurns(1, NEVER);
    const first = Promise.withResolvers<void>();
    const lost = new AbortController();
    const done: string[] = [];
    const running = inTurn({ work: () => first.promise, owned: undefined });
    const work = async (name: string) => void done.push(name);
    const waiting = inTurn({ work: () => work("lost"), owned: lost.signal });
    const last = inTurn({ work: () => work("ours"), owned: new AbortController().signal });
    lost.abort();
    first.resolve();
    await expect(waiting).rejects.toThrow(TransientError);
    await Promise.all([running, last]);
    expect(done).toEqual(["ours"]);
  });
});
