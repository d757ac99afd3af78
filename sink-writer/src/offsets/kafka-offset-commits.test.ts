import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { until } from "@fiberstream/testkit/until";
import { describe, expect, it } from "@jest/globals";
import { createKafkaOffsetCommits } from "./kafka-offset-commits.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

describe("offset commits", () => {
  it("commit the latest offset of each partition, written before or after the start", async () => {
    const committed: [number, bigint][] = [];
    const commits = createKafkaOffsetCommits({ intervalMs: 60_000, log });
    commits.wrote(0, 5n);
    commits.begin({ commitOffsets: async (offsets) => void committed.push(...offsets) });
    commits.wrote(0, 9n);
    commits.wrote(3, 1n);
    await commits.end();
    expect(committed).toEqual([
      [0, 9n],
      [3, 1n],
    ]);
  });

  it("are retried, unless a later offset was committed or another member owns the partition", async () => {
    const committed: [number, bigint][][] = [];
    let answered = Promise.withResolvers<void>();
    const commits = createKafkaOffsetCommits({ intervalMs: 1, log });
    commits.keepOnly([0, 1, 2]);
    for (const partition of [0, 1, 2]) commits.wrote(partition, 5n);
    commits.begin({
      commitOffsets: (offsets) => {
        committed.push([...offsets]);
        return answered.promise;
      },
    });
    await until(() => committed.length === 1, { what: "the first are being committed" });
    commits.wrote(0, 9n);
    commits.keepOnly([0, 1]);
    answered.reject(new TransientError("kafka", "away"));
    answered = Promise.withResolvers();
    answered.resolve();
    await until(() => committed.length === 2, { what: "they are committed again" });
    expect(new Map(committed[1])).toEqual(
      new Map([
        [0, 9n],
        [1, 5n],
      ]),
    );
    await commits.end();
  });

  it("do not disturb the sink when Kafka is unavailable", async () => {
    const commits = createKafkaOffsetCommits({ intervalMs: 60_000, log });
    commits.begin({
      commitOffsets: async () => {
        throw new TransientError("kafka", "away");
      },
    });
    commits.wrote(0, 5n);
    await expect(commits.end()).resolves.toBeUndefined();
  });
});
