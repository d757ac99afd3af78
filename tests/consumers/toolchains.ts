import { spawnSync } from "node:child_process";
import { toolEnvironment } from "@fiberstream/local-stack/native/config";

/** The toolchains that stock consumers need, each with a command that checks whether it is installed. */
const PROBES = {
  python: ["python3", "-c", "import venv, ensurepip, sys; assert sys.version_info >= (3, 9)"],
  java: ["sh", "-c", "mvn --version && javac --version | grep -Eq ' (1[7-9]|[2-9][0-9])'"],
  go: ["go", "version"],
  kcat: ["sh", "-c", 'command -v kcat || { [ "$(id -u)" = 0 ] && command -v apt-get; }'],
} as const;

export type Toolchain = keyof typeof PROBES;

/** Returns whether a toolchain is installed. Otherwise its test is skipped, and its name says so. */
export function hasToolchain(toolchain: Toolchain): boolean {
  const [command, ...parameters] = PROBES[toolchain];
  return spawnSync(command, parameters, { env: toolEnvironment() }).status === 0;
}
