import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { IMAGES } from "@fiberstream/local-stack/images";
import { PROMETHEUS_FOLDER } from "@fiberstream/local-stack/prometheus-files";
import { runSandboxed } from "@fiberstream/local-stack/native/sandbox";
import { ensureTree } from "@fiberstream/local-stack/native/tree";

/**
 * Runs promtool on a copy of the rules, as a container or from the native tree.
 *
 * @param args paths are relative to deploy/prometheus
 * @returns its output
 * @throws with its output when promtool reports an error
 */
export async function promtool(...args: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "fiberstream-promtool-"));
  const dataDir = join(folder, "data");
  const logFile = join(folder, "promtool.log");
  try {
    cpSync(PROMETHEUS_FOLDER, dataDir, { recursive: true });
    const inData = args.map((arg) => (arg.endsWith(".yml") ? `/data/${arg}` : arg));
    if (await isEngineUp()) {
      const mounted = ["--volume", `${dataDir}:/data:ro`, "--entrypoint", "promtool"];
      const command = ["run", "--rm", ...mounted, IMAGES.prometheus, ...inData];
      return (await promisify(execFile)("docker", command)).stdout;
    }
    const root = await ensureTree(() => undefined);
    const command = ["promtool", ...inData] as const;
    await runSandboxed(root, "promtool", { user: "prometheus", command, dataDir, logFile });
    return readFileSync(logFile, "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
