import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BackingServiceName, Started } from "./backing-services.ts";
import { childEnvironment } from "./config.ts";
import { inClone } from "./in-clone.ts";
import { NativeError } from "./native/native-error.ts";

/** Backing services that have another name in the Compose file if the services run from the clone. */
const SERVICES: Partial<Record<BackingServiceName, string>> = { prometheus: "prometheus-of-clone" };

const run = promisify(execFile);

/** Ports and folders, as environment variables of the Compose file. */
export type ComposeSettings = Readonly<Record<string, string>>;

/** Starts a backing service of the Compose file, and waits until its health check passes. */
export async function startContainer(
  name: BackingServiceName,
  settings: ComposeSettings,
): Promise<Started> {
  const service = SERVICES[name] ?? name;
  await compose(["up", "--detach", "--wait", service], settings);
  return {
    // The engine restarts a container that dies.
    ended: new Promise<string>(() => undefined),
    stop: () => compose(["stop", service], settings),
  };
}

/** Deletes the containers and volumes of the backing services. */
export const removeContainers = (settings: ComposeSettings) =>
  compose(["--profile", "*", "down", "--volumes", "--remove-orphans"], settings);

/** @throws {NativeError} with Compose's last lines */
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
