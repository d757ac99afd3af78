import { randomUUID } from "node:crypto";
import { expect, it } from "@jest/globals";
import { createTransactionQueues } from "./transaction-queues.ts";
import { writeOffsetMetadata } from "./coordinator/offset-metadata.ts";
import { createTransactionalIds } from "./coordinator/transactional-ids.ts";

it("are few enough for the metadata of an offset", async () => {
  const ids = createTransactionalIds({
    groupId: "g",
    processId: randomUUID(),
    coordinators: {
      ask: () => Promise.reject(new Error("nobody is asked")),
      find: async ({ key }) => ({ host: `b${Number(key.split("-").at(-1)) % 11}`, port: 1 }),
    },
  });
  const made: Promise<number>[] = [];
  const queues = createTransactionQueues((brokers) => {
    made.push(ids.choose(brokers));
    return { number: made.length };
  });
  // Any of 11 brokers may lead what a part writes to.
  for (let set = 1; set < 2 ** 11; set++) {
    const brokers = Array.from({ length: 11 }, (_, at) => at).filter((at) => set & (1 << at));
    for (const way of ["small", "large 0", "large 1", "apart"]) {
      const named = brokers.map((at) => `b${at}:1`);
      expect(queues.of(way, named)).toBe(queues.of(way, named));
    }
    await Promise.all(made);
  }
  expect(queues.all().length).toBe(made.length);
  expect(made.length).toBeLessThanOrEqual(36);
  const stored = writeOffsetMetadata({
    text: "t".repeat(3_072),
    log: { clusterId: "x".repeat(22), topicId: randomUUID() },
    committer: ids.committer(),
  });
  expect(stored.length).toBeLessThan(4_096);
});

it("keep destinations separate, also if there are too many of them", () => {
  const queues = createTransactionQueues((brokers, way) => ({ brokers, way }));
  for (let at = 0; at < 40; at++) queues.of("0", [`b${at}:1`]);
  expect(queues.of("apart", ["b1:1"])).toEqual({ way: "apart", brokers: [] });
  expect(queues.of("0", ["b1:1"])).toEqual({ way: "0", brokers: ["b1:1"] });
  expect(queues.of("0", ["b39:1"])).toBe(queues.of("0", ["b38:1"]));
});
