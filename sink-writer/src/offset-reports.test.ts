import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { createOffsetReports } from "./offset-reports.ts";

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
