import { isEngineUp } from "@fiberstream/local-stack/docker-engine";

/**
 * Whether backing services can be started natively with a test's own configuration. With a container engine, or without
 * root, they cannot, and such tests are skipped.
 */
export const runsNatively: boolean =
  process.platform === "linux" && process.getuid?.() === 0 && !(await isEngineUp());
