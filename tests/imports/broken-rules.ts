import { posix } from "node:path";
import { type Import, readImports } from "./read-imports.ts";
import { type Layer, readWorkspaces, type Workspace } from "./workspaces.ts";

/** The layers that a layer may import, in addition to its own workspace. */
const MAY_IMPORT: Readonly<Record<Layer, readonly Layer[]>> = {
  library: ["library"],
  service: ["library"],
  deploy: ["library", "service"],
  tests: ["library", "service", "deploy"],
};

const IN_WORDS: Readonly<Record<Layer, string>> = {
  library: "packages",
  service: "services",
  deploy: "deploy",
  tests: "tests",
};

/**
 * Returns a line for each import that breaks a rule.
 * @param root the project's folder (absolute path)
 */
export function brokenRules(root: string): readonly string[] {
  const workspaces = readWorkspaces(root);
  const byName = new Map(workspaces.map((workspace) => [workspace.name, workspace]));
  const ofFiles = workspaces.flatMap((workspace) =>
    readImports(root, workspace.folder).flatMap((found) =>
      found.specifier.startsWith(".")
        ? relativeFaults(found, workspace, workspaces)
        : namedFaults(found, workspace, byName),
    ),
  );
  return [...new Set([...ofFiles, ...circles(workspaces, byName)])];
}

function relativeFaults(
  { file, specifier }: Import,
  from: Workspace,
  workspaces: readonly Workspace[],
): string[] {
  const target = posix.join(posix.dirname(file), specifier);
  const to = workspaces.find(({ folder }) => target.startsWith(`${folder}/`));
  if (to === undefined || to === from) return [];
  return [`${file} imports ${specifier}: import ${to.name} by its name, and declare it`];
}

function namedFaults(
  { file, specifier }: Import,
  from: Workspace,
  byName: ReadonlyMap<string, Workspace>,
): string[] {
  const name = specifier.split("/", 2).join("/");
  const to = byName.get(name);
  if (to === undefined || to === from) return [];
  const faults: string[] = [];
  if (!MAY_IMPORT[from.layer].includes(to.layer)) {
    const allowed = MAY_IMPORT[from.layer].map((layer) => IN_WORDS[layer]).join(", ");
    faults.push(`${file} imports ${specifier}: ${IN_WORDS[from.layer]} may import only ${allowed}`);
  }
  if (!from.dependencies.has(name) && !from.devDependencies.has(name)) {
    faults.push(`${file} imports ${name}: ${from.folder}/package.json does not declare it`);
  }
  return faults;
}

/** Returns circles of workspaces at run time. Dependencies of tests may be circular: testkit uses packages/kafka. */
function circles(
  workspaces: readonly Workspace[],
  byName: ReadonlyMap<string, Workspace>,
): string[] {
  const done = new Set<Workspace>();
  const found: string[] = [];
  const visit = (workspace: Workspace, path: readonly Workspace[]) => {
    const at = path.indexOf(workspace);
    if (at >= 0) {
      const names = [...path.slice(at), workspace].map(({ folder }) => folder);
      found.push(`workspaces depend on each other: ${names.join(" -> ")}`);
    } else if (!done.has(workspace)) {
      for (const name of workspace.dependencies) {
        const next = byName.get(name);
        if (next !== undefined) visit(next, [...path, workspace]);
      }
      done.add(workspace);
    }
  };
  for (const workspace of workspaces) visit(workspace, []);
  return found;
}
