import { describe, expect, it } from "@jest/globals";
import { offsetRetentionWarnings } from "./offset-retention.ts";

describe("offsets that brokers forget", () => {
  it("warns of each broker that does before raw is deleted, Kafka's default included", () => {
    const warnings = offsetRetentionWarnings([
      { brokerId: 1, minutes: 43_200 },
      { brokerId: 2, minutes: 10_080 },
      { brokerId: 3, minutes: 1_440 },
    ]);
    expect(warnings).toEqual([
      expect.stringContaining(
        "broker 2 forgets the offsets of a group that has been empty for 7 days",
      ),
      expect.stringContaining(
        "broker 3 forgets the offsets of a group that has been empty for 1 day ",
      ),
    ]);
    for (const warning of warnings) expect(warning).toContain("offsets.retention.minutes=43200");
  });

  it("says what to see to where it may not look", () => {
    expect(offsetRetentionWarnings(undefined)).toEqual([
      expect.stringContaining("offsets.retention.minutes is more than 10080"),
    ]);
  });
});
