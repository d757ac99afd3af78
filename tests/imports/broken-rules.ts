import { posix } from "node:path";
import { type Import, readImports } from "./read-imports.ts";
import { type Layer, readWorkspaces, type Workspace } from "./workspaces.ts";

/** What a layer may import beside other files of the same workspace. */
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
 * Where the project's files import what they must not, a line each; none when all is well.
 * @param root the project's folder, absolute
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

/** Workspaces that need each other to run. What only tests need may lead back: testkit uses packages/kafka. */
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
