import { globSync } from "node:fs";
import { join } from "node:path";

/** The selection of tests, as jest passes it to a global setup. */
export type Selection = {
  readonly rootDir: string;
  /** jest's matcher for the patterns on the command line. */
  readonly isSelected: (absolutePath: string) => boolean;
};

/**
 * Returns whether a selected test file uses real backing services, by its name. jest may narrow the selection later
 * (changed files, a shard), and then the backing services may be started without need.
 */
export function needsBackingServices(selection: Selection): boolean {
  const { rootDir, isSelected } = selection;
  return globSync("**/*.{int,e2e}.test.ts", {
    cwd: rootDir,
    exclude: (name) => name === "node_modules" || name === ".fiberstream",
  }).some((file) => isSelected(join(rootDir, file)));
}
