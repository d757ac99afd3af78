import { spawn } from "node:child_process";
import { once } from "node:events";
import { isEngineUp } from "@fiberstream/local-stack/docker-engine";

/** Whether the backing services run on this machine, as processes whose data is at hand and on volumes that can be mounted. */
export async function areBackingServicesNative(): Promise<boolean> {
  return process.platform === "linux" && process.getuid?.() === 0 && !(await isEngineUp());
}

/** Runs this command once more where its mounts are its own, and end with it. */
export async function runWithOwnMounts(): Promise<void> {
  const again = [process.execPath, ...process.argv.slice(1), "--own-mounts"];
  const child = spawn("unshare", ["--mount", "--propagation", "private", "--", ...again], {
    stdio: "inherit",
  });
  // Both are told of Ctrl-C; the child says what becomes of it.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}
