import { mkdirSync } from "node:fs";

/** Returns environment variables that make Node write a CPU profile to a folder when it ends. */
export function profileEnvironment(folder: string | undefined): Record<string, string> {
  if (folder === undefined) return {};
  mkdirSync(folder, { recursive: true });
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
}
