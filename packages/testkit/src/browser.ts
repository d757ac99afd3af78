import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { cacheDirectory, toolEnvironment } from "@fiberstream/local-stack/native/config";
import { waitForLock } from "@fiberstream/local-stack/native/lock";
import { runTool } from "@fiberstream/local-stack/native/run-tool";
import { messageOf } from "@fiberstream/runtime/errors";

/** A browser that Playwright can drive, or the reason why there is none. Tests that need it are then skipped, with the reason. */
export type Browser = { readonly path: string } | { readonly missing: string };

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"] as const;

/** Finds Chromium. Root of a machine with Debian's packages gets it installed at the first use, as the native runtime is. */
export async function ensureBrowser(): Promise<Browser> {
  const found = browserPath();
  if (found !== undefined) return { path: found };
  if (process.getuid?.() !== 0 || programPath("apt-get") === undefined) {
    return { missing: "no chromium in PATH: install Debian's package chromium" };
  }
  const lock = await waitForLock(join(cacheDirectory(), "browser.lock"), () => undefined);
  try {
    const install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"] as const;
    if (browserPath() === undefined) {
      await runTool({ what: "Reading the package lists", command: ["apt-get", "update"] });
      await runTool({ what: "Installing chromium", command: [...install] });
    }
  } catch (error) {
    return { missing: `chromium cannot be installed: ${messageOf(error)}` };
  } finally {
    lock.release();
  }
  const installed = browserPath();
  return installed === undefined
    ? { missing: "the package chromium has no program chromium" }
    : { path: installed };
}

const browserPath = (): string | undefined =>
  PROGRAMS.map(programPath).find((path) => path !== undefined);

const programPath = (name: string): string | undefined =>
  (toolEnvironment()["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
