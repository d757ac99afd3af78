import { globSync } from "node:fs";
import { join } from "node:path";

/** What jest tells a global setup about which tests were asked for. */
export type Selection = {
  readonly rootDir: string;
  /** jest's own matcher for the patterns on the command line. */
  readonly isSelected: (absolutePath: string) => boolean;
};

/**
 * Whether a selected test file uses real backing services, told by its name. Selections that jest makes later
 * (only changed files, a shard) may turn out to need none after all; then the backing services idle.
 */
export function needsBackingServices(selection: Selection): boolean {
  const { rootDir, isSelected } = selection;
  return globSync("**/*.{int,e2e}.test.ts", {
    cwd: rootDir,
    exclude: (name) => name === "node_modules" || name === ".fiberstream",
  }).some((file) => isSelected(join(rootDir, file)));
}
