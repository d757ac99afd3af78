import type { Run } from "./state-files.ts";

/** One line on what runs already, for whoever wanted to start or delete it. */
export function describeRun(run: Run | undefined, pid: number): string {
  if (!run) return `another command (PID ${pid}) is at work here: try again when it has ended`;
  const since = new Date(run.startedAt).toLocaleTimeString("en-GB");
  switch (run.state) {
    case "starting":
      return `FiberStream is being started (PID ${pid}, since ${since}): see npm run status`;
    case "ready":
      return `FiberStream runs since ${since} (PID ${pid}): ${run.url}. npm stop stops it`;
    case "stopping":
      return `FiberStream is being stopped (PID ${pid}): try again in a moment`;
  }
}
