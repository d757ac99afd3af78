import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { CASES, type CaseName } from "./chart-cases.ts";
import { ensureHelm } from "./chart-tools.ts";
import { renderChart } from "./render-chart.ts";

/** Without Helm the tests are skipped, and their names say why. */
const helm = await ensureHelm();
export const describeChart = (name: string, tests: () => void): void =>
  "command" in helm ? describe(name, tests) : describe.skip(`${name} (${helm.missing})`, tests);

/** Renders the chart with these values, or lints it. */
export async function withChart(
  options: Omit<Parameters<typeof renderChart>[0], "helm" | "folder">,
) {
  const folder = mkdtempSync(join(tmpdir(), "fiberstream-chart-"));
  try {
    if ("missing" in helm) throw new Error(helm.missing);
    return await renderChart({ helm: helm.command, folder, ...options });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rendered = new Map<CaseName, ReturnType<typeof withChart>>();
/** Renders one of the cases, once for all tests of a file. */
export function renderCase(name: CaseName): ReturnType<typeof withChart> {
  const known = rendered.get(name) ?? withChart(CASES[name]);
  rendered.set(name, known);
  return known;
}
