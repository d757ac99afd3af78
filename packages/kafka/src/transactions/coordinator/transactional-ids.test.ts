import { describe, expect, it } from "@jest/globals";
import { createTransactionalIds } from "./transactional-ids.ts";

/** The ids' numbers have their coordinators in turn on three brokers. */
const ids = createTransactionalIds({
  groupId: "group",
  processId: "process",
  coordinators: {
    ask: () => Promise.reject(new Error("not asked")),
    find: ({ key }) => {
      const number = Number(key.replace("group-process-", ""));
      if (number === 0) return Promise.reject(new Error("away"));
      return Promise.resolve({ host: `broker-${number % 3}`, port: 9092 });
    },
  },
});

describe("transactional ids", () => {
  it("are coordinated by a broker of their queue if possible, and used once", async () => {
    const queues = [["broker-2:9092"], ["broker-2:9092"], ["broker-1:9092", "broker-9:9092"]];
    const numbers = await Promise.all(queues.map(ids.choose));
    expect(numbers.map((number) => number % 3)).toEqual([2, 2, 1]);
    expect(new Set(numbers).size).toBe(3);
    // Nobody is near: the first one that is free.
    expect(await ids.choose(["broker-9:9092"])).toBe(0);
    expect(ids.committer()).toEqual({
      processId: "process",
      idNumbers: [...numbers, 0].sort((one, other) => one - other),
    });
  });
});
