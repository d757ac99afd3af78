import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";

const run = promisify(execFile);
const CHART = fileURLToPath(new URL("../../kubernetes/fiberstream", import.meta.url));

export type KubernetesObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
};

/**
 * Renders the chart with Helm, with these values on top of the chart's own.
 *
 * @param options.valuesFiles names of further values files in the chart's folder
 * @throws with Helm's message when its schema or the chart rejects the values
 */
export async function renderChart(options: {
  helm: string;
  values: object;
  valuesFiles?: readonly string[];
  command?: "template" | "lint";
  release?: string;
  /** Helm's input is written to this folder. */
  folder: string;
}): Promise<{ text: string; objects: KubernetesObject[] }> {
  const { helm, values, valuesFiles = [], command = "template", release = "fs", folder } = options;
  const file = `${folder}/values.json`;
  writeFileSync(file, JSON.stringify(values));
  const files = [...valuesFiles.map((name) => `${CHART}/${name}`), file];
  const { stdout: text } = await run(helm, [
    command,
    ...(command === "template" ? [release, CHART, "--namespace", "probes"] : [CHART, "--strict"]),
    ...files.flatMap((each) => ["--values", each]),
  ]);
  if (command === "lint") return { text, objects: [] };
  const objects = parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
  return { text, objects };
}
