import { describe, expect, it } from "@jest/globals";
import { largestIn } from "./profiles.ts";

const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 });

describe("largestIn", () => {
  it("sums a function's self time, as a share of the busy time", () => {
    const profile = {
      nodes: [
        { id: 1, callFrame: frame("(idle)") },
        { id: 2, callFrame: frame("write", "file:///home/x/ingest-gateway/src/intake.ts") },
        { id: 3, callFrame: frame("write", "file:///home/x/ingest-gateway/src/intake.ts") },
        { id: 4, callFrame: frame("(garbage collector)") },
      ],
      samples: [1, 2, 3, 4, 2],
      timeDeltas: [1_000, 30, 30, 20, 20],
    };
    expect(largestIn(profile, 5)).toEqual([
      { name: "write  ingest-gateway/src/intake.ts:10", percent: 80 },
      { name: "(garbage collector)", percent: 20 },
    ]);
  });
});
