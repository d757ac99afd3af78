import { EVERYTHING } from "../access/scope.ts";
import type { Job } from "../jobs/job.ts";
import type { Ask } from "../questions/ask.ts";
import { isoText, statement } from "../questions/statement.ts";
import { createLiveStates, type LiveStates, type Owned } from "./live-states.ts";
import type { Positions } from "./positions.ts";

/** A job as the route `jobs` has it, without its request, which may be long; deleted: it is there no more. */
export type JobState = Pick<
  Job,
  | "job_id"
  | "kind"
  | "dry_run"
  | "created_at"
  | "updated_at"
  | "finished_at"
  | "problem"
  | "progress"
  | "result"
> & { readonly state: Job["state"] | "deleted" };

const MAX_LIVE_JOBS = 1_000;
const OVERLAP_S = 5;
const FINISHED_S = 60;

export const createJobStates = (positions: Positions): LiveStates<JobState> =>
  createLiveStates({
    positions,
    idOf: ({ job_id: id }) => id,
    hasEnded: ({ finished_at: at }) => at !== null,
    ended: (job) => ({ ...job, state: "deleted", finished_at: job.updated_at }),
  });

/** Reads the jobs that are not finished and those that just have, or those that have changed lately. */
export const createReadJobs =
  ({ ask }: { ask: Ask }) =>
  async (which: "all" | "recent"): Promise<Owned<JobState>[]> => {
    const rows = await ask<JobState & { tenant: string | null }>(
      statement(EVERYTHING, ({ visible }) => {
        const updated = (seconds: number) => `updated_at > now() - interval '${seconds} s'`;
        const condition =
          which === "all" ? `(finished_at IS NULL OR ${updated(FINISHED_S)})` : updated(OVERLAP_S);
        return `SELECT job_id, kind, state, dry_run, tenant, problem, progress, result, ${isoText("created_at")} AS created_at,
                       ${isoText("updated_at")} AS updated_at, ${isoText("finished_at")} AS finished_at
                FROM jobs WHERE ${condition} AND ${visible("tenant")}
                ORDER BY jobs.created_at DESC LIMIT ${MAX_LIVE_JOBS}`;
      }),
    );
    return rows.map(({ tenant, ...state }) => ({ tenant, node: null, state }));
  };
