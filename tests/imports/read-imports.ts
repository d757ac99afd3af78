import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One import of a file, of types or values. Paths are relative to the project's root. */
export type Import = { readonly file: string; readonly specifier: string };

const IMPORTS = [
  /^(?:import|export)\b[^"'`;]*?\bfrom\s+["']([^"']+)["']/gm,
  /^import\s+["']([^"']+)["']/gm,
  /\bimport\(\s*["']([^"']+)["']/g,
  /\bmockModule\(\s*["']([^"']+)["']/g,
];

/** Returns the imports of all files in a folder that git tracks. */
export function readImports(root: string, folder: string): readonly Import[] {
  const files = globSync(`${folder}/**/*.{ts,mts,mjs}`, {
    cwd: root,
    exclude: (name) => name === "node_modules",
  });
  return files.toSorted().flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return IMPORTS.flatMap((pattern) =>
      Array.from(text.matchAll(pattern), ([, specifier = ""]) => ({ file, specifier })),
    );
  });
}
