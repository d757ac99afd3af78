import { describe, expect, it } from "@jest/globals";
import { judgeSoak } from "./judge-soak.ts";
import type { Sample } from "./sample.ts";

/** Samples every 5 s for half an hour; memory varies by 10 MB, as a heap does. */
const samplesWith = (
  rssOf: (seconds: number) => number,
  connectionsOf: (seconds: number) => number = () => 9,
): Sample[] =>
  Array.from({ length: 360 }, (_, at) => {
    const seconds = at * 5;
    return {
      seconds,
      services: {
        "sink-writer": {
          rssMb: rssOf(seconds) + (at % 7) * 1.5,
          heapMb: 40,
          openFiles: 30,
          handles: 8,
        },
      },
      redisMb: 2,
      redisKeys: 100,
      databaseConnections: connectionsOf(seconds),
      loggedBytes: 5_000,
    };
  });

const growing = (samples: Sample[]) =>
  judgeSoak(samples).flatMap(({ what, isWithin }) => (isWithin ? [] : [what]));

describe("judgeSoak", () => {
  it("accepts a heap that varies", () => {
    expect(growing(samplesWith(() => 150))).toEqual([]);
  });

  it("ignores growth in the first minutes", () => {
    expect(growing(samplesWith((seconds) => 150 + Math.min(seconds, 300) / 5))).toEqual([]);
  });

  it("finds a leak of 1 MB per minute", () => {
    expect(growing(samplesWith((seconds) => 150 + seconds / 60))).toEqual([
      "sink-writer: memory (RSS)",
    ]);
  });

  it("finds connections that are not released", () => {
    const samples = samplesWith(
      () => 150,
      (seconds) => 9 + seconds / 60,
    );
    expect(growing(samples)).toEqual(["database: connections"]);
  });
});
