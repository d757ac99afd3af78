import { describe, expect, it } from "@jest/globals";
import { createTurns } from "./turns.ts";

/** Work that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("turns", () => {
  it("are taken by reader: one with many questions does not delay one with few", async () => {
    const turns = createTurns({ atOnce: 1, maxWaiting: 10, maxPerReader: 10 });
    const order: string[] = [];
    const first = held();
    const running = [turns.run("many", first.work)];
    for (const name of ["many-1", "many-2"]) {
      running.push(turns.run("many", async () => void order.push(name)));
    }
    running.push(turns.run("few", async () => void order.push("few-1")));
    await settled();
    expect(turns.waiting()).toBe(3);
    first.end();
    await Promise.all(running);
    expect(order).toEqual(["many-1", "few-1", "many-2"]);
    expect(turns.waiting()).toBe(0);
  });

  it("are refused at once when too many wait, or one reader has too many", async () => {
    const turns = createTurns({ atOnce: 1, maxWaiting: 1, maxPerReader: 1 });
    const first = held();
    const running = turns.run("a", first.work);
    await expect(turns.run("a", async () => undefined)).rejects.toMatchObject({
      code: "RATE_LIMITED",
    });
    const waiting = turns.run("b", async () => "b");
    await expect(turns.run("c", async () => undefined)).rejects.toMatchObject({
      code: "OVERLOADED",
    });
    first.end();
    await running;
    expect(await waiting).toBe("b");
    expect(await turns.run("c", async () => "c")).toBe("c");
  });

  it("are not all taken by one reader, who waits although there is room for others", async () => {
    const turns = createTurns({
      atOnce: 2,
      maxWaiting: 10,
      maxPerReader: 10,
      maxRunningPerReader: 1,
    });
    const first = held();
    const order: string[] = [];
    const running = [
      turns.run("many", first.work),
      turns.run("many", async () => void order.push("many")),
    ];
    await turns.run("few", async () => void order.push("few"));
    expect(order).toEqual(["few"]);
    expect(turns.waiting()).toBe(1);
    first.end();
    await Promise.all(running);
    expect(order).toEqual(["few", "many"]);
  });

  it("are not waited for by who has left, and leave no trace of it", async () => {
    const turns = createTurns({ atOnce: 1, maxWaiting: 1, maxPerReader: 2 });
    const first = held();
    const running = turns.run("a", first.work);
    const gone = new AbortController();
    const order: string[] = [];
    const left = turns.run("a", async () => void order.push("left"), gone.signal);
    await settled();
    gone.abort(new Error("the asker has left"));
    await expect(left).rejects.toThrow("the asker has left");
    expect(turns.waiting()).toBe(0);
    // The places of the one that has left are free.
    const next = turns.run("a", async () => void order.push("next"));
    await expect(turns.take("a", gone.signal)).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await expect(turns.take("b", gone.signal)).rejects.toThrow("the asker has left");
    first.end();
    await Promise.all([running, next]);
    expect(order).toEqual(["next"]);
  });

  it("pass on after work that has failed", async () => {
    const turns = createTurns({ atOnce: 1, maxWaiting: 0, maxPerReader: 1 });
    await expect(turns.run("a", () => Promise.reject(new Error("failed")))).rejects.toThrow(
      "failed",
    );
    expect(await turns.run("a", async () => "again")).toBe("again");
  });
});
