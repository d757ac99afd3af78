import { describe, expect, it } from "@jest/globals";
import { endure } from "./endure.ts";

describe("the sink", () => {
  // The long run is a command, see docs/sink.md.
  it("loses and duplicates nothing, whatever is killed or frozen during a write", async () => {
    const { accepted, expected, found, orphans } = await endure({
      faults: ["sink killed", "postgres killed", "sink frozen", "kafka killed"],
      portion: 10_000,
      freezeMs: 0,
      onPortion: () => undefined,
    });
    expect(found).toEqual(expected);
    expect(accepted).toBe(40_000);
    expect(orphans).toBe(0);
  }, 240_000);
});
