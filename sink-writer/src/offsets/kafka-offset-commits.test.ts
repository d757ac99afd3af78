import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { describe, expect, it } from "@jest/globals";
import { createOffsetReports } from "./kafka-offset-commits.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

describe("offset reports", () => {
  it("tell the latest offset of each partition, written before or after the beginning", async () => {
    const told: [number, bigint][] = [];
    const reports = createOffsetReports({ intervalMs: 60_000, log });
    reports.wrote(0, 5n);
    reports.begin({ commitOffsets: async (offsets) => void told.push(...offsets) });
    reports.wrote(0, 9n);
    reports.wrote(3, 1n);
    await reports.end();
    expect(told).toEqual([
      [0, 9n],
      [3, 1n],
    ]);
  });

  it("tell again what could not be told, unless it is told better or is another's by now", async () => {
    const told: [number, bigint][][] = [];
    let answered = Promise.withResolvers<void>();
    const reports = createOffsetReports({ intervalMs: 1, log });
    reports.keepOnly([0, 1, 2]);
    for (const partition of [0, 1, 2]) reports.wrote(partition, 5n);
    reports.begin({
      commitOffsets: (offsets) => {
        told.push([...offsets]);
        return answered.promise;
      },
    });
    await until(() => told.length === 1, { what: "the first are being told" });
    reports.wrote(0, 9n);
    reports.keepOnly([0, 1]);
    answered.reject(new TransientError("kafka", "away"));
    answered = Promise.withResolvers();
    answered.resolve();
    await until(() => told.length === 2, { what: "they are told again" });
    expect(new Map(told[1])).toEqual(
      new Map([
        [0, 9n],
        [1, 5n],
      ]),
    );
    await reports.end();
  });

  it("do not disturb the sink when Kafka is away", async () => {
    const reports = createOffsetReports({ intervalMs: 60_000, log });
    reports.begin({
      commitOffsets: async () => {
        throw new TransientError("kafka", "away");
      },
    });
    reports.wrote(0, 5n);
    await expect(reports.end()).resolves.toBeUndefined();
  });
});
