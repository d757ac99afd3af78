import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { Life } from "@fiberstream/runtime/life";
import { CHECKOUT } from "../../harness/service.ts";

const run = promisify(execFile);
/** The folder of the workspaces in node_modules. */
const SCOPE = "@fiberstream";

/**
 * Writes the files of a commit to a folder, ready to run; the folder is deleted with `life`. It is not a git worktree,
 * because a killed run would leave that registered in the repository.
 *
 * @param commit a revision in git's syntax; "." is this checkout with its changes
 * @returns the absolute path of the folder
 * @throws when the commit does not exist, or its packages cannot be installed
 */
export async function checkoutOf(life: Life, commit: string): Promise<string> {
  if (commit === ".") return CHECKOUT;
  const folder = life.own(mkdtempSync(join(tmpdir(), "fiberstream-commit-")), (owned) =>
    rmSync(owned, { recursive: true, force: true }),
  );
  const archive = join(folder, "commit.tar");
  await run("git", ["archive", "--output", archive, commit], { cwd: CHECKOUT });
  await run("tar", ["-xf", archive, "-C", folder]);
  rmSync(archive);
  if (lockOf(folder) === lockOf(CHECKOUT)) linkModules(folder);
  else
    await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder });
  return folder;
}

const lockOf = (folder: string): string => readFileSync(join(folder, "package-lock.json"), "utf8");

/** Links the packages of this checkout, and the workspaces of the commit. */
function linkModules(folder: string): void {
  const from = join(CHECKOUT, "node_modules");
  const to = join(folder, "node_modules");
  mkdirSync(join(to, SCOPE), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== SCOPE) symlinkSync(join(from, name), join(to, name));
  }
  for (const workspace of workspacesOf(folder)) {
    const { name } = JSON.parse(readFileSync(join(workspace, "package.json"), "utf8")) as {
      name: string;
    };
    symlinkSync(workspace, join(to, SCOPE, basename(name)));
    const own = join(CHECKOUT, workspace.slice(folder.length), "node_modules");
    if (isFolder(own)) symlinkSync(own, join(workspace, "node_modules"));
  }
}

function workspacesOf(folder: string): string[] {
  const { workspaces } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    workspaces: string[];
  };
  return workspaces.flatMap((pattern) =>
    pattern.endsWith("/*")
      ? readdirSync(join(folder, pattern.slice(0, -2))).map((name) =>
          join(folder, pattern.slice(0, -2), name),
        )
      : [join(folder, pattern)],
  );
}

function isFolder(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
}
