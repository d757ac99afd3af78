import { fileURLToPath } from "node:url";

/** Returns the absolute path of a file or folder of this clone. */
export const inClone = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));
