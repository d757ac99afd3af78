import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../src/platform/run-program.ts";

const run = promisify(execFile);

export type EarlierVersion = {
  readonly root: string;
  /** Short hash and title of its commit. */
  readonly title: string;
  readonly remove: () => Promise<void>;
};

/**
 * Checks out an earlier version into a folder, with its dependencies.
 * @throws when the commit does not exist (a shallow clone may lack it), or the dependencies cannot be installed
 */
export async function checkOutEarlier(from: string, folder: string): Promise<EarlierVersion> {
  const root = join(folder, "earlier");
  const git = async (...parameters: string[]) =>
    (await run("git", ["-C", ROOT, ...parameters])).stdout;
  const title = (await git("log", "-1", "--format=%h %s", `${from}^{commit}`)).trim();
  await git("worktree", "add", "--detach", root, from);
  try {
    const quietly = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    await run("npm", ["install", ...quietly], { cwd: root });
  } catch (error) {
    await git("worktree", "remove", "--force", root);
    throw error;
  }
  return {
    root,
    title,
    remove: async () => void (await git("worktree", "remove", "--force", root)),
  };
}
