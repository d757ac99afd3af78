import { execFile } from "node:child_process";

/** A remote or sleeping engine may need seconds to answer. An engine that needs longer is not used. */
const ANSWER_TIMEOUT_MS = 5_000;

/** Returns whether a Docker engine answers. (The command docker alone is not enough.) */
export const isEngineUp = (): Promise<boolean> =>
  succeeds(["version", "--format", "{{.Server.Version}}"]);

/** Returns whether docker has Compose. */
export const hasCompose = (): Promise<boolean> => succeeds(["compose", "version"]);

function succeeds(args: readonly string[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  execFile("docker", args, { timeout: ANSWER_TIMEOUT_MS }, (error) => resolve(error === null));
  return promise;
}
