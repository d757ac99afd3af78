import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { NativeError } from "../native/native-error.ts";
import { childEnvironment, type LocalConfig } from "./config.ts";
import type { Started } from "./member.ts";
import type { PartName } from "./parts.ts";
import { stateFiles } from "./state-files.ts";

/** Where a part beside services of the clone is another service of the Compose file than beside containers. */
const SERVICES: Partial<Record<PartName, string>> = { prometheus: "prometheus-of-clone" };

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Starts one of the Compose file's parts and waits until its health check passes. */
export async function startContainer(part: PartName, config: LocalConfig): Promise<Started> {
  const service = SERVICES[part] ?? part;
  await compose(["up", "--detach", "--wait", service], config);
  return {
    // The engine restarts what dies in it.
    ended: new Promise<string>(() => undefined),
    stop: () => compose(["stop", service], config),
  };
}

/** Deletes the parts' containers and volumes. */
export const removeContainers = (config: LocalConfig) =>
  compose(["--profile", "*", "down", "--volumes", "--remove-orphans"], config);

/** @throws {NativeError} with what Compose printed last */
async function compose(args: readonly string[], config: LocalConfig): Promise<void> {
  const env = childEnvironment({
    KAFKA_PORT: String(config.kafkaPort),
    REGISTRY_PORT: String(config.registryPort),
    REDIS_PORT: String(config.redisPort),
    POSTGRES_PORT: String(config.postgresPort),
    PROMETHEUS_PORT: String(config.prometheusPort),
    PROMETHEUS_FILES: join(stateFiles(config.stateDir).data, "prometheus"),
  });
  try {
    await run("docker", ["compose", "--progress", "plain", ...args], { cwd: ROOT, env });
  } catch (error) {
    const printed = String((error as { stderr?: string }).stderr ?? error).trimEnd();
    const last = printed.split("\n").slice(-12).join("\n  ");
    throw new NativeError(`docker compose ${args.join(" ")} failed. Its last lines:\n  ${last}`);
  }
}
