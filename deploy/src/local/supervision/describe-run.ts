import type { Run } from "./state-files.ts";

/** Returns one line about the running command, for a user who wanted to start or delete. */
export function describeRun(run: Run | undefined, pid: number): string {
  if (!run) return `another command (PID ${pid}) is running here: try again when it has ended`;
  const since = new Date(run.startedAt).toLocaleTimeString("en-GB");
  switch (run.state) {
    case "starting":
      return `FiberStream is being started (PID ${pid}, since ${since}). Look at npm run status`;
    case "ready":
      return `FiberStream has been running since ${since} (PID ${pid}): ${run.url}. Stop it with npm stop`;
    case "stopping":
      return `FiberStream is being stopped (PID ${pid}). Try again in a moment`;
  }
}
