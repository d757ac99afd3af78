import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { NativeError } from "../native/native-error.ts";
import { childEnvironment, type LocalConfig } from "./config.ts";
import type { Started } from "./member.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Starts one of the Compose file's parts and waits until its health check passes. */
export async function startContainer(service: string, config: LocalConfig): Promise<Started> {
  await compose(["up", "--detach", "--wait", service], config);
  return {
    // The engine restarts what dies in it.
    ended: new Promise<string>(() => undefined),
    stop: () => compose(["stop", service], config),
  };
}

/** Deletes the parts' containers and volumes. */
export const removeContainers = (config: LocalConfig) =>
  compose(["down", "--volumes", "--remove-orphans"], config);

/** @throws {NativeError} with what Compose printed last */
async function compose(args: readonly string[], config: LocalConfig): Promise<void> {
  const env = childEnvironment({
    KAFKA_PORT: String(config.kafkaPort),
    REGISTRY_PORT: String(config.registryPort),
    REDIS_PORT: String(config.redisPort),
    POSTGRES_PORT: String(config.postgresPort),
  });
  try {
    await run("docker", ["compose", "--progress", "plain", ...args], { cwd: ROOT, env });
  } catch (error) {
    const printed = String((error as { stderr?: string }).stderr ?? error).trimEnd();
    const last = printed.split("\n").slice(-12).join("\n  ");
    throw new NativeError(`docker compose ${args.join(" ")} failed. Its last lines:\n  ${last}`);
  }
}
