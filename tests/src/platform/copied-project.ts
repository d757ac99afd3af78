import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ROOT } from "./run-program.ts";

/** A copy of the project's sources that a test may change, with the same installed packages. */
export type CopiedProject = {
  /** Its folder. */
  readonly root: string;
  readonly delete: () => void;
};

/** Copies what git knows of the workspaces, and links to what npm installed. */
export function copyProject(): CopiedProject {
  const root = mkdtempSync(join(tmpdir(), "fiberstream-copy-"));
  for (const name of readdirSync(ROOT)) {
    if (LEFT_OUT.has(name)) continue;
    cpSync(join(ROOT, name), join(root, name), {
      recursive: true,
      filter: (path) => !LEFT_OUT.has(basename(path)),
    });
  }
  linkPackages(join(ROOT, "node_modules"), join(root, "node_modules"));
  for (const folder of workspaceFolders()) {
    const installed = join(ROOT, folder, "node_modules");
    const isThere = readdirSync(join(ROOT, folder)).includes("node_modules");
    if (isThere) symlinkSync(installed, join(root, folder, "node_modules"));
  }
  return { root, delete: () => rmSync(root, { recursive: true, force: true }) };
}

const LEFT_OUT = new Set([".git", ".fiberstream", ".turbo", "node_modules"]);

/** The project's own packages are links from node_modules to the workspaces: here to those of the copy. */
function linkPackages(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (name === "@fiberstream")
      cpSync(source, target, { recursive: true, verbatimSymlinks: true });
    else if (name !== ".cache") symlinkSync(source, target);
  }
}

function workspaceFolders(): string[] {
  const { workspaces } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    workspaces: readonly string[];
  };
  return workspaces.filter((name) => !name.includes("*"));
}
