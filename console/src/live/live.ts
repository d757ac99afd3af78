import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import type { Granted } from "../access/permissions.ts";
import { EVERYTHING } from "../access/scope.ts";
import type { Ask } from "../questions/ask.ts";
import type { TableColumns } from "../questions/table-columns.ts";
import type { PipelineState, ReadPipeline } from "../routes/platform/read-pipeline.ts";
import { createLiveStates, type LiveStates } from "./live-states.ts";
import { createNodeStates } from "./node-states.ts";
import { createPositions, type Positions } from "./positions.ts";
import { createWatch, type Watch } from "./watch.ts";
import { createAlertStates, createReadAlerts } from "./watch-alerts.ts";
import { createJobStates, createReadJobs } from "./watch-jobs.ts";
import { createReadNodes } from "./watch-nodes.ts";

export const PARTS = ["nodes", "alerts", "pipeline", "jobs"] as const;
export type Part = (typeof PARTS)[number];

/** What a reader needs to see a part. */
export const PART_PERMISSIONS = {
  nodes: "nodes:read",
  alerts: "alerts:read",
  pipeline: "pipeline:read",
  jobs: "deadletters:read",
} as const satisfies Record<Part, Granted>;

/** The newest states of each part, in one order of changes. */
export type LiveParts = {
  readonly positions: Positions;
  readonly states: ReturnType<typeof createPartStates>;
};

/** Creates the states of all parts, of which nothing is known. */
export function createLiveParts(): LiveParts {
  const positions = createPositions();
  return { positions, states: createPartStates(positions) };
}

const createPartStates = (positions: Positions) => ({
  nodes: createNodeStates(positions),
  alerts: createAlertStates(positions),
  pipeline: createPipelineStates(positions),
  jobs: createJobStates(positions),
});

/** One state, which never ends and belongs to no tenant. */
const createPipelineStates = (positions: Positions): LiveStates<PipelineState> =>
  createLiveStates({
    positions,
    idOf: () => "pipeline",
    hasEnded: () => false,
    ended: (state) => state,
  });

const EVERY_MS = 500;
const ALL_EVERY_MS = 30_000;
/** As often as Kafka is asked at most. */
const PIPELINE_EVERY_MS = 5_000;

/** Creates a watch for each part, which reads while somebody looks at that part. */
export function createWatches(options: {
  parts: LiveParts;
  ask: Ask;
  nodes: TableColumns;
  readPipeline: ReadPipeline;
  countFailure: (part: Part) => void;
  life: Life;
  log: Log;
}): Readonly<Record<Part, Watch>> {
  const { parts, ask, nodes, readPipeline, life, log } = options;
  const watched = <State>(
    part: Part,
    states: LiveStates<State>,
    read: Pick<Parameters<typeof createWatch<State>>[0], "readAll" | "readRecent">,
    everyMs = EVERY_MS,
  ) =>
    life.own(
      createWatch({
        part,
        states,
        ...read,
        everyMs,
        allEveryMs: ALL_EVERY_MS,
        countFailure: () => options.countFailure(part),
        log,
      }),
      (owned) => owned.end(),
    );
  const both = <T>(read: (which: "all" | "recent") => T) => ({
    readAll: () => read("all"),
    readRecent: () => read("recent"),
  });
  return {
    nodes: watched("nodes", parts.states.nodes, both(createReadNodes({ ask, columns: nodes }))),
    alerts: watched("alerts", parts.states.alerts, both(createReadAlerts({ ask }))),
    jobs: watched("jobs", parts.states.jobs, both(createReadJobs({ ask }))),
    pipeline: watched(
      "pipeline",
      parts.states.pipeline,
      {
        readAll: async () => [{ tenant: null, node: null, state: await readPipeline(EVERYTHING) }],
      },
      PIPELINE_EVERY_MS,
    ),
  };
}
