import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { toolEnvironment } from "./config.ts";
import { NativeError } from "./native-error.ts";
import { runTool } from "./run-tool.ts";
import type { OnProgress } from "./tree.ts";

/** Programs that the build runs on the host, and the Debian package that brings each. */
const HOST_TOOLS = { debootstrap: "debootstrap", mvn: "maven" } as const;

/**
 * The native runtime needs Linux with Debian's tools, and root for mounts and other users.
 *
 * @throws {NativeError} what is missing and what else can be done
 */
export function requireNativeHost(): void {
  const instead = "start a Docker engine instead, and the parts run in it";
  if (process.platform !== "linux") {
    throw new NativeError(`the parts run without Docker on Linux only: ${instead}`);
  }
  if (process.getuid?.() !== 0) {
    throw new NativeError(`no Docker engine answers, and without one root is needed: ${instead}`);
  }
  const missing = missingTools();
  if (missing.length > 0 && !hasProgram("apt-get")) {
    throw new NativeError(
      `${missing.join(" and ")} cannot be installed here (there is no apt-get): ${instead}`,
    );
  }
}

/** @throws {NativeError} with the package manager's last lines */
export async function installHostTools(onProgress: OnProgress): Promise<void> {
  const packages = missingTools().map((tool) => HOST_TOOLS[tool]);
  if (packages.length === 0) return;
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
