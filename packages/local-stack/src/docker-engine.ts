import { execFile } from "node:child_process";

/** A remote or sleeping engine may take its time; one that takes longer is of no use here. */
const ANSWER_WITHIN_MS = 5_000;

/** Whether a Docker engine answers (the command alone, without an engine, is not enough). */
export const isEngineUp = (): Promise<boolean> =>
  succeeds(["version", "--format", "{{.Server.Version}}"]);

/** Whether the engine's command knows Compose. */
export const hasCompose = (): Promise<boolean> => succeeds(["compose", "version"]);

function succeeds(args: readonly string[]): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  execFile("docker", args, { timeout: ANSWER_WITHIN_MS }, (error) => resolve(error === null));
  return promise;
}
