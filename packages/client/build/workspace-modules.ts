import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Returns the source of each module that the workspace's packages export, by the name that imports use
 * (`@fiberstream/kafka/consumer`); paths are relative to the repository's root. It reads the packages' `exports`.
 */
export function workspaceModules(root: string): ReadonlyMap<string, string> {
  const modules = new Map<string, string>();
  for (const file of globSync(["schemas/package.json", "packages/*/package.json"], { cwd: root })) {
    const folder = join(file, "..");
    const { name, exports } = JSON.parse(readFileSync(join(root, file), "utf8")) as Manifest;
    for (const [subpath, target] of Object.entries(exports ?? {})) {
      const [before = "", after = ""] = target.split("*");
      const sources = target.includes("*")
        ? globSync(join(folder, target.replace("*", "**/*")), { cwd: root })
        : [join(folder, target)];
      for (const source of sources) {
        const matched = source.slice(join(folder, before).length, source.length - after.length);
        modules.set(join(name, subpath.replace("*", matched)), source);
      }
    }
  }
  return modules;
}

type Manifest = {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string>>;
};
