import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What a module needs: files of this package, by path, and other packages, by name. */
export type Reachable = {
  readonly files: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
};

/**
 * Returns everything that an entry needs, directly or indirectly.
 *
 * @param options.folder the package's folder
 * @param options.entry path of the entry in it
 * @param options.extension of the files that imports of ".js" are looked up in: ".js" for code, ".d.ts" for types
 */
export function reachableFrom(options: {
  folder: string;
  entry: string;
  extension: ".js" | ".d.ts";
}): Reachable {
  const { folder, extension } = options;
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [options.entry.replace(/\.js$/, extension)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const name of importsOf(readFileSync(join(folder, file), "utf8"))) {
      if (name.startsWith(".")) waiting.push(join(file, "..", name).replace(/\.js$/, extension));
      else if (!name.startsWith("node:")) packages.add(packageOf(name));
    }
  }
  return { files, packages };
}

/** `import … from`, `export … from`, `import "…"`, `import("…")` and `require("…")`. */
const importsOf = (code: string): string[] =>
  [...code.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*["']([^"']+)["']/g)].map(
    ([, name = ""]) => name,
  );

const packageOf = (name: string): string =>
  name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
