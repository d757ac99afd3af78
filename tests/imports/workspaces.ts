import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Layer = "library" | "service" | "deploy" | "tests";

export type Workspace = {
  /** Path from the project's root, such as packages/kafka. */
  readonly folder: string;
  /** Name for imports, such as @fiberstream/kafka. */
  readonly name: string;
  readonly layer: Layer;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
};

type PackageJson = {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
};

/**
 * Reads all workspaces of the root's package.json.
 * @param root absolute path
 */
export function readWorkspaces(root: string): readonly Workspace[] {
  const { workspaces } = readJson(join(root, "package.json")) as {
    workspaces: string[];
  };
  const files = globSync(
    workspaces.map((pattern) => `${pattern}/package.json`),
    { cwd: root },
  );
  return files.toSorted().map((file) => {
    const folder = file.slice(0, -"/package.json".length);
    const {
      name,
      dependencies = {},
      devDependencies = {},
    } = readJson(join(root, file)) as PackageJson;
    return {
      folder,
      name,
      layer: layerOf(folder),
      dependencies: new Set(Object.keys(dependencies)),
      devDependencies: new Set(Object.keys(devDependencies)),
    };
  });
}

function layerOf(folder: string): Layer {
  if (folder === "schemas" || folder.startsWith("packages/")) return "library";
  return folder === "deploy" || folder === "tests" ? folder : "service";
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
