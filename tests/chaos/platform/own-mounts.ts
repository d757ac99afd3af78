import { spawn } from "node:child_process";
import { once } from "node:events";
import { isEngineUp } from "@fiberstream/local-stack/docker-engine";

/** Returns whether the backing services run natively, so that their data is accessible and volumes can be mounted. */
export async function areBackingServicesNative(): Promise<boolean> {
  return process.platform === "linux" && process.getuid?.() === 0 && !(await isEngineUp());
}

/** Runs this command again in its own mount namespace, so that its mounts end with it. */
export async function runWithOwnMounts(): Promise<void> {
  const again = [process.execPath, ...process.argv.slice(1), "--own-mounts"];
  const child = spawn("unshare", ["--mount", "--propagation", "private", "--", ...again], {
    stdio: "inherit",
  });
  // Ctrl-C reaches both processes; the child handles it.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}
