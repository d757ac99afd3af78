import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "@jest/globals";
import { CASES, type CaseName } from "./chart-cases.ts";
import { describeChart, renderCase, withChart } from "./chart-fixture.ts";
import { ensureKubeconform } from "./chart-tools.ts";

const run = promisify(execFile);
const kubeconform = await ensureKubeconform();
const NAMES = Object.keys(CASES) as CaseName[];

/** Custom resources of operators: Kubernetes's schemas do not contain them. */
const CUSTOM = new Set([
  "Kafka",
  "KafkaNodePool",
  "KafkaTopic",
  "KafkaUser",
  "PrometheusRule",
  "ScaledObject",
  "ServiceMonitor",
  "TriggerAuthentication",
]);

describeChart("the chart", () => {
  it.each(NAMES)("passes helm lint: %s", async (name) => {
    const { text } = await withChart({ ...CASES[name], command: "lint" });
    expect(text).toContain("0 chart(s) failed");
  });

  const skipReason = "missing" in kubeconform ? ` (${kubeconform.missing})` : "";
  (skipReason === "" ? it.each(NAMES) : it.skip.each(NAMES))(
    `is valid against Kubernetes's strict schemas: %s${skipReason}`,
    async (name) => {
      if ("missing" in kubeconform) return;
      const child = run(kubeconform.command, [
        "-strict",
        "-verbose",
        "-ignore-missing-schemas",
        "-output=json",
        `-schema-location=${kubeconform.schemaLocation}`,
      ]);
      const { text } = await renderCase(name);
      child.child.stdin?.end(text);
      const { stdout } = await child.catch((error: { stdout: string }) => error);
      const { resources } = JSON.parse(stdout) as {
        resources: { kind: string; name: string; status: string; msg: string }[];
      };
      expect(resources.length).toBeGreaterThan(10);
      for (const { kind, name: object, status, msg } of resources) {
        const wanted = CUSTOM.has(kind) ? "statusSkipped" : "statusValid";
        expect({ kind, object, status, msg }).toMatchObject({ status: wanted });
      }
    },
  );
});
