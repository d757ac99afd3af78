import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { toolEnvironment } from "./config.ts";
import { NativeError } from "./native-error.ts";
import { type OnProgress, runTool } from "./run-tool.ts";

/** Programs that the build runs on the host, and the Debian package that brings each. */
const HOST_TOOLS = { debootstrap: "debootstrap", mvn: "maven" } as const;

const INSTEAD = "start a Docker engine, and the backing services run in it";

/**
 * The native runtime needs Linux, and root for mounts and other users.
 *
 * @throws {NativeError} what is missing and what else can be done
 */
export function requireNativeHost(): void {
  if (process.platform !== "linux") {
    throw new NativeError(`the backing services run without Docker on Linux only: ${INSTEAD}`);
  }
  if (process.getuid?.() !== 0) {
    throw new NativeError(
      `no Docker engine answers, and without one the backing services need root: run it with sudo, or ${INSTEAD}`,
    );
  }
}

/** @throws {NativeError} there is no package manager, or its last lines */
export async function installHostTools(onProgress: OnProgress): Promise<void> {
  const missing = missingTools();
  if (missing.length === 0) return;
  if (!hasProgram("apt-get")) {
    throw new NativeError(
      `${missing.join(" and ")} cannot be installed here (there is no apt-get): install them, or ${INSTEAD}`,
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
