import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "@fiberstream/local-stack/native/config";

/**
 * Returns a folder in the user's cache that is created once for each recipe. It appears only when it is complete; of two
 * processes that create it at the same time, one uses the other's. Its content must not contain its own path.
 *
 * @param options.recipe everything that the content depends on
 * @param options.make fills an empty folder
 * @returns its path
 */
export async function cachedFolder(options: {
  name: string;
  recipe: readonly string[];
  make: (folder: string) => Promise<void>;
}): Promise<string> {
  const { name, recipe, make } = options;
  const hash = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 12);
  const folder = join(cacheDirectory(), `${name}-${hash}`);
  if (existsSync(folder)) return folder;
  const half = `${folder}.${process.pid}`;
  await rm(half, { recursive: true, force: true });
  await mkdir(half, { recursive: true });
  try {
    await make(half);
    await rename(half, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(half, { recursive: true, force: true });
  }
  return folder;
}
