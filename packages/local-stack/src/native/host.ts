import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { toolEnvironment } from "./config.ts";
import { NativeError } from "./native-error.ts";
import { type OnProgress, runTool } from "./run-tool.ts";

/** Programs that the build runs on the host, each with its Debian package. */
const HOST_TOOLS = { debootstrap: "debootstrap", mvn: "maven" } as const;

const ALTERNATIVE = "start a Docker engine; then the backing services run as containers";

/**
 * Checks that the native runtime can run: it needs Linux, and root for mounts and other users.
 *
 * @throws {NativeError} with what is missing, and the alternative
 */
export function requireNativeHost(): void {
  if (process.platform !== "linux") {
    throw new NativeError(`without Docker the backing services run only on Linux: ${ALTERNATIVE}`);
  }
  if (process.getuid?.() !== 0) {
    throw new NativeError(
      `no Docker engine answers, and without one the backing services need root: run the command with sudo, or ${ALTERNATIVE}`,
    );
  }
}

/** @throws {NativeError} when there is no apt-get, or with its last lines */
export async function installHostTools(onProgress: OnProgress): Promise<void> {
  const missing = missingTools();
  if (missing.length === 0) return;
  if (!hasProgram("apt-get")) {
    throw new NativeError(
      `${missing.join(" and ")} cannot be installed automatically (apt-get is missing): install them, or ${ALTERNATIVE}`,
    );
  }
  const packages = missing.map((tool) => HOST_TOOLS[tool]);
  const what = `Installing ${packages.join(" and ")}`;
  onProgress(`${what.toLowerCase()} (apt-get)`);
  const install = ["apt-get", "install", "-y", "--no-install-recommends", ...packages] as const;
  await runTool({ what: "Reading the package lists", command: ["apt-get", "update"] });
  await runTool({ what, command: [...install] });
}

const missingTools = () =>
  (Object.keys(HOST_TOOLS) as (keyof typeof HOST_TOOLS)[]).filter((tool) => !hasProgram(tool));

const hasProgram = (name: string) =>
  (toolEnvironment()["PATH"] ?? "")
    .split(delimiter)
    .some((folder) => folder !== "" && existsSync(join(folder, name)));
