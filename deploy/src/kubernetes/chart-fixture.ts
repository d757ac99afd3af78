import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "@jest/globals";
import { CASES, type CaseName } from "./chart-cases.ts";
import { ensureHelm } from "./chart-tools.ts";
import { renderChart } from "./render-chart.ts";

/** Where Helm cannot be had the tests are counted as skipped, and their name says why. */
const helm = await ensureHelm();
export const describeChart = (what: string, tests: () => void): void =>
  "command" in helm ? describe(what, tests) : describe.skip(`${what} (${helm.missing})`, tests);

/** Renders values as they are, or lints them. */
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
/** One of the cases, rendered once for all tests of a file. */
export function renderCase(name: CaseName): ReturnType<typeof withChart> {
  const known = rendered.get(name) ?? withChart(CASES[name]);
  rendered.set(name, known);
  return known;
}
