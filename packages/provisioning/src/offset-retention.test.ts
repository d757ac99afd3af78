import { describe, expect, it } from "@jest/globals";
import { offsetRetentionWarnings } from "./offset-retention.ts";

describe("the brokers' retention of offsets", () => {
  it("warns of each broker that deletes offsets before the records of raw, also with Kafka's default", () => {
    const warnings = offsetRetentionWarnings([
      { brokerId: 1, minutes: 43_200 },
      { brokerId: 2, minutes: 10_080 },
      { brokerId: 3, minutes: 1_440 },
    ]);
    expect(warnings).toEqual([
      expect.stringContaining(
        "broker 2 deletes the offsets of a group that has been empty for 7 days",
      ),
      expect.stringContaining(
        "broker 3 deletes the offsets of a group that has been empty for 1 day ",
      ),
    ]);
    for (const warning of warnings) expect(warning).toContain("offsets.retention.minutes=43200");
  });

  it("says what to check if it lacks the permission", () => {
    expect(offsetRetentionWarnings(undefined)).toEqual([
      expect.stringContaining("offsets.retention.minutes is more than 10080"),
    ]);
  });
});
