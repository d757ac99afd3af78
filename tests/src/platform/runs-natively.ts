import { isEngineUp } from "@fiberstream/local-stack/docker-engine";

/**
 * Whether backing services can be started from the Debian tree, set up as a test wants them. Where an engine runs the
 * backing services in containers, and for users other than root, they cannot: such tests count as skipped.
 */
export const runsNatively: boolean =
  process.platform === "linux" && process.getuid?.() === 0 && !(await isEngineUp());
