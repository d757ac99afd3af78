import { globSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { PROMETHEUS_FOLDER } from "@fiberstream/local-stack/prometheus-files";
import { promtool } from "./promtool.ts";

const tests = globSync("tests/*.test.yml", { cwd: PROMETHEUS_FOLDER }).sort();

describe("the alert rules", () => {
  it("are part of a valid configuration of Prometheus", async () => {
    expect(await promtool("check", "config", "prometheus.yml")).toContain("is valid");
  });

  it("fire exactly when they should", async () => {
    expect(tests.length).toBeGreaterThan(0);
    expect((await promtool("test", "rules", ...tests)).match(/SUCCESS/g)).toHaveLength(
      tests.length,
    );
    // It needs 10 s of CPU, and other tests run at the same time.
  }, 300_000);
});
