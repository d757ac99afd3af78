import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BackingServiceName, Started } from "./backing-services.ts";
import { childEnvironment } from "./config.ts";
import { inClone } from "./in-clone.ts";
import { NativeError } from "./native/native-error.ts";

/** Where a backing service beside services of the clone is another one of the Compose file than beside containers. */
const SERVICES: Partial<Record<BackingServiceName, string>> = { prometheus: "prometheus-of-clone" };

const run = promisify(execFile);

/** Ports and folders, by the names of the variables that the Compose file reads. */
export type ComposeSettings = Readonly<Record<string, string>>;

/** Starts one of the Compose file's backing services and waits until its health check passes. */
export async function startContainer(
  name: BackingServiceName,
  settings: ComposeSettings,
): Promise<Started> {
  const service = SERVICES[name] ?? name;
  await compose(["up", "--detach", "--wait", service], settings);
  return {
    // The engine restarts what dies in it.
    ended: new Promise<string>(() => undefined),
    stop: () => compose(["stop", service], settings),
  };
}

/** Deletes the backing services' containers and volumes. */
export const removeContainers = (settings: ComposeSettings) =>
  compose(["--profile", "*", "down", "--volumes", "--remove-orphans"], settings);

/** @throws {NativeError} with what Compose printed last */
async function compose(args: readonly string[], settings: ComposeSettings): Promise<void> {
  const env = childEnvironment(settings);
  try {
    await run("docker", ["compose", "--progress", "plain", ...args], { cwd: inClone(""), env });
  } catch (error) {
    const printed = String((error as { stderr?: string }).stderr ?? error).trimEnd();
    const last = printed.split("\n").slice(-12).join("\n  ");
    throw new NativeError(`docker compose ${args.join(" ")} failed. Its last lines:\n  ${last}`);
  }
}
