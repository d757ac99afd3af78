import { isEngineUp } from "@fiberstream/local-stack/docker-engine";

/**
 * Whether parts can be started from the Debian tree, set up as a test wants them. Where an engine runs the
 * parts in containers, and for users other than root, they cannot: such tests count as skipped.
 */
export const runsNatively: boolean =
  process.platform === "linux" && process.getuid?.() === 0 && !(await isEngineUp());
