import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { expect, it } from "@jest/globals";
import { createMissingOffsetWarning } from "./missing-offset.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

it("warns of each partition that was enriched before and has no offset, also if another one has no leader", async () => {
  const told: [number, string][] = [];
  const tell = createMissingOffsetWarning({
    reader: {
      range: async (topic, partition) => {
        if (partition === 1) throw new TransientError("kafka", "nobody leads it");
        const isEmpty = topic === "enriched" && partition === 2;
        return { partition, from: 5n, until: isEmpty ? 5n : 9n };
      },
    },
    topics: { raw: "raw", enriched: "enriched" },
    log: Object.assign(Object.create(log) as typeof log, {
      warn: (fields: { partition: number; fromOffset?: string }, line: string) =>
        void told.push([fields.partition, line.slice(0, 14)]),
    }),
  });
  await tell([0, 1, 2, 3]);
  expect(new Map(told)).toEqual(
    new Map([
      [0, "offset missing"],
      [1, "check for miss"],
      [3, "offset missing"],
    ]),
  );
  expect(told).toHaveLength(3);
});
