import { globSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { PROMETHEUS_FOLDER } from "@fiberstream/local-stack/prometheus-files";
import { promtool } from "./promtool.ts";

const tests = globSync("tests/*.test.yml", { cwd: PROMETHEUS_FOLDER }).sort();

describe("the alert rules", () => {
  it("are part of a configuration that Prometheus takes", async () => {
    expect(await promtool("check", "config", "prometheus.yml")).toContain("is valid");
  });

  it("fire when they should and stay silent when they should", async () => {
    expect(tests.length).toBeGreaterThan(0);
    expect((await promtool("test", "rules", ...tests)).match(/SUCCESS/g)).toHaveLength(
      tests.length,
    );
    // Ten seconds of CPU, which other tests of a full run want too.
  }, 300_000);
});
