import { fileURLToPath } from "node:url";

/** The absolute path of one of the clone's files or folders: what is run locally is the clone itself. */
export const inClone = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));
