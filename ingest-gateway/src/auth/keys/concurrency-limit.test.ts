import { describe, expect, it } from "@jest/globals";
import { createConcurrencyLimit } from "./concurrency-limit.ts";

describe("a concurrency limit", () => {
  const tooMany = () => new Error("too many");

  it("runs a limited number of calls at once, in order, and rejects a call if too many are waiting", async () => {
    const lane = createConcurrencyLimit({ tooMany, atOnce: 2, maxWaiting: 1 });
    const begun: string[] = [];
    const ends = new Map<string, (value: string) => void>();
    const enter = (name: string) =>
      lane(() => {
        begun.push(name);
        return new Promise<string>((resolve) => ends.set(name, resolve));
      });
    const first = enter("a");
    const others = [enter("b"), enter("c")];
    await expect(enter("d")).rejects.toThrow("too many");
    expect(begun).toEqual(["a", "b"]);
    ends.get("a")?.("done");
    expect(await first).toBe("done");
    while (begun.length < 3) await new Promise(setImmediate);
    for (const name of ["b", "c"]) ends.get(name)?.(name);
    expect(await Promise.all(others)).toEqual(["b", "c"]);
    expect(await lane(async () => "free")).toBe("free");
  });

  it("continues after a call that fails", async () => {
    const lane = createConcurrencyLimit({ tooMany, atOnce: 1, maxWaiting: 1 });
    await expect(lane(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await lane(async () => 1)).toBe(1);
  });
});
