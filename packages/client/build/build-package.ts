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
/** The source of each module of the workspace, by the name that imports use. */
const MODULES = workspaceModules(ROOT);

/**
 * Builds the folder that is published: JavaScript and types, because Node does not strip types in node_modules. It
 * includes the modules of the workspace that the client uses.
 *
 * @param folder an empty folder for the output
 * @throws with the compiler's errors, or when a module needs an unexpected package
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
    throw new Error(`the compiler reports errors: ${(error as { stdout?: string }).stdout}`, {
      cause: error,
    });
  } finally {
    rmSync(config);
  }
}

/** Returns the compiler's configuration, which extends the `tsconfig.json` of this folder. */
const compilerConfig = (folder: string) => ({
  extends: join(HERE, "build", "tsconfig.json"),
  compilerOptions: {
    outDir: folder,
    rootDir: ROOT,
    typeRoots: [join(ROOT, "node_modules", "@types")],
    // Modules that are found through node_modules would not be compiled with the others.
    paths: Object.fromEntries(
      Array.from(MODULES, ([name, source]) => [name, [join(ROOT, source)]] as const),
    ),
  },
  include: [],
  files: [join(HERE, "src", "index.ts")],
});

/**
 * Replaces the names of the workspace's modules by paths to their copies, and .ts by .js in types, which the compiler
 * does not change.
 *
 * @param file path in the package's folder
 */
function withOwnModules(code: string, file: string): string {
  return code
    .replace(/(["']\.[^"']*)\.ts(["'])/g, "$1.js$2")
    .replace(/(["'])(@fiberstream\/[^"']+)\1/g, (_all, _quote, name: string) => {
      const source = MODULES.get(name);
      if (source === undefined)
        throw new Error(`${file} imports ${name}, which no package exports`);
      const path = relative(dirname(file), source.replace(/\.ts$/, ".js"));
      return JSON.stringify(path.startsWith(".") ? path : `./${path}`);
    });
}

/**
 * Deletes the files that the entry does not need.
 * @returns the packages that code and types need
 */
function keepReachable(folder: string): ReadonlySet<string> {
  const code = reachableFrom({ folder, entry: ENTRY, extension: ".js" });
  const types = reachableFrom({ folder, entry: ENTRY, extension: ".d.ts" });
  for (const file of globSync("**/*.{js,d.ts}", { cwd: folder })) {
    if (!code.files.has(file) && !types.files.has(file)) rmSync(join(folder, file));
  }
  return new Set([...code.packages, ...types.packages]);
}

/** The packages that users install together with this one. */
const EXPECTED = new Set([
  "@kafkajs/confluent-schema-registry",
  "@platformatic/kafka",
  "avsc",
  "kafkajs",
]);

/** Returns the package.json that is published. The versions of its dependencies are those that it is tested with. */
function manifestOf(needed: ReadonlySet<string>): object {
  const { name, version, license, type } = readManifest(HERE);
  const unexpected = [...needed].filter((dependency) => !EXPECTED.has(dependency));
  if (unexpected.length > 0) {
    throw new Error(
      `${name} would need the packages ${unexpected.join(", ")}. Import less, or add them to EXPECTED`,
    );
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
