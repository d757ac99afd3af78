import { mkdirSync } from "node:fs";

/** Makes Node write a CPU profile to a folder when it ends. */
export function profileEnvironment(folder: string | undefined): Record<string, string> {
  if (folder === undefined) return {};
  mkdirSync(folder, { recursive: true });
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
}
