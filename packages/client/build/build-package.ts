import { execFile } from "node:child_process";
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { reachableFrom } from "./reachable.ts";
import { workspaceModules } from "./workspace-modules.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const HERE = join(ROOT, "packages", "client");
const ENTRY = "packages/client/src/index.js";
/** By the name that a module of the workspace is imported by, its source. */
const MODULES = workspaceModules(ROOT);

/**
 * Makes the folder that is published: JavaScript and types, because Node does not strip types in
 * node_modules, with the modules of the workspace that it uses in it.
 *
 * @param folder where to, an empty one
 * @throws the compiler's complaints, or that a module needs a package that is not expected
 */
export async function buildPackage(folder: string): Promise<void> {
  await compile(folder);
  for (const file of globSync("**/*.{js,d.ts}", { cwd: folder })) {
    const path = join(folder, file);
    writeFileSync(path, withOwnModules(readFileSync(path, "utf8"), file));
  }
  const manifest = manifestOf(keepReachable(folder));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(ROOT, "schemas", "avro"), join(folder, "schemas", "avro"), { recursive: true });
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  cpSync(join(HERE, "README.md"), join(folder, "README.md"));
}

async function compile(folder: string): Promise<void> {
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const config = join(folder, "tsconfig.json");
  writeFileSync(config, JSON.stringify(compilerConfig(folder)));
  try {
    await promisify(execFile)(process.execPath, [compiler, "-p", config]);
  } catch (error) {
    throw new Error(`the compiler refuses: ${(error as { stdout?: string }).stdout}`, {
      cause: error,
    });
  } finally {
    rmSync(config);
  }
}

/** The options of `tsconfig.json` beside this file, for output into the folder. */
const compilerConfig = (folder: string) => ({
  extends: join(HERE, "build", "tsconfig.json"),
  compilerOptions: {
    outDir: folder,
    rootDir: ROOT,
    typeRoots: [join(ROOT, "node_modules", "@types")],
    // What is found by way of node_modules is not compiled with the rest.
    paths: Object.fromEntries(
      Array.from(MODULES, ([name, source]) => [name, [join(ROOT, source)]] as const),
    ),
  },
  include: [],
  files: [join(HERE, "src", "index.ts")],
});

/**
 * Names of the workspace's modules become paths to their copies; and in types, which the compiler leaves as
 * they are, .ts becomes .js.
 *
 * @param file below the package's folder
 */
function withOwnModules(code: string, file: string): string {
  return code
    .replace(/(["']\.[^"']*)\.ts(["'])/g, "$1.js$2")
    .replace(/(["'])(@fiberstream\/[^"']+)\1/g, (_all, _quote, name: string) => {
      const source = MODULES.get(name);
      if (source === undefined) throw new Error(`${file} imports ${name}, which is not offered`);
      const path = relative(dirname(file), source.replace(/\.ts$/, ".js"));
      return JSON.stringify(path.startsWith(".") ? path : `./${path}`);
    });
}

/** Deletes what only inner types have led to. @returns the packages that code and types need */
function keepReachable(folder: string): ReadonlySet<string> {
  const code = reachableFrom({ folder, entry: ENTRY, extension: ".js" });
  const types = reachableFrom({ folder, entry: ENTRY, extension: ".d.ts" });
  for (const file of globSync("**/*.{js,d.ts}", { cwd: folder })) {
    if (!code.files.has(file) && !types.files.has(file)) rmSync(join(folder, file));
  }
  return new Set([...code.packages, ...types.packages]);
}

/** The packages that users of this one install with it; any other one would be a surprise to them. */
const EXPECTED = new Set([
  "@kafkajs/confluent-schema-registry",
  "@platformatic/kafka",
  "avsc",
  "kafkajs",
]);

/** What users of the package need of its package.json. Its dependencies are those that it is tested with. */
function manifestOf(needed: ReadonlySet<string>): object {
  const { name, version, license, type } = readManifest(HERE);
  const unexpected = [...needed].filter((dependency) => !EXPECTED.has(dependency));
  if (unexpected.length > 0) {
    throw new Error(`${name} would need ${unexpected.join(", ")}: import less, or expect it`);
  }
  const versions = [...needed]
    .toSorted()
    .map((dependency) => [
      dependency,
      readManifest(join(ROOT, "node_modules", dependency)).version,
    ]);
  return {
    name,
    version,
    description: "Typed consumer of FiberStream's topics, and sender of probe events.",
    license,
    type,
    engines: { node: ">=22.22" },
    exports: { ".": { types: `./${ENTRY.replace(/js$/, "d.ts")}`, default: `./${ENTRY}` } },
    dependencies: Object.fromEntries(versions) as Record<string, string>,
  };
}

type Manifest = Record<"name" | "version" | "license" | "type", string>;

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
