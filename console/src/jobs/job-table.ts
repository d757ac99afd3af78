import { inTransactionAs } from "@fiberstream/postgres/acting";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { RowRefusedError } from "@fiberstream/postgres/postgres-errors";
import { type Job, JOB_FIELDS, type JobState } from "./job.ts";

/** A job that this process has taken. */
export type ClaimedJob = Job & {
  readonly attempts: number;
  /** Another process had begun it. */
  readonly is_taken_over: boolean;
};

/** What runners do with the table `jobs`. Its functions throw {TransientError}. */
export type JobTable = {
  /** Takes a job that nobody holds; undefined: there is none. */
  readonly claim: () => Promise<ClaimedJob | undefined>;
  /**
   * Keeps the lease, and writes the progress.
   * @returns the state of the lease (lost: another process holds the job now), and whether another job of the kind waits
   */
  readonly renew: (
    jobId: string,
    progress: object,
    change: { hasProgressed: boolean },
  ) => Promise<{ readonly state: "held" | "cancelled" | "lost"; readonly isAwaited: boolean }>;
  readonly finish: (
    jobId: string,
    outcome: {
      readonly state: Exclude<JobState, "queued" | "running">;
      readonly result: object;
      readonly problem: string | null;
    },
  ) => Promise<void>;
  /** Lets any process take it after a pause. */
  readonly release: (
    jobId: string,
    options: { pauseMs: number; problem: string | null },
  ) => Promise<void>;
  /** Puts it behind the jobs of its kind that wait. */
  readonly requeue: (jobId: string) => Promise<void>;
};

/** Who ends a job in the audit log: who asked for it is in the entry of its beginning. */
const CONSOLE = { kind: "service", id: "console" } as const;

/** @param options.holder names this process */
export function createJobTable(options: {
  pool: PgPool;
  holder: string;
  leaseMs: number;
}): JobTable {
  const { pool, holder, leaseMs } = options;
  return {
    claim: async () => {
      try {
        const [job] = await query<ClaimedJob>(pool, CLAIM, [holder, leaseMs]);
        return job;
      } catch (error) {
        // Another process has begun a job of the kind at this moment.
        if (error instanceof RowRefusedError) return undefined;
        throw error;
      }
    },
    renew: async (jobId, progress, { hasProgressed }) => {
      const [row] = await query<{ is_cancelled: boolean; is_awaited: boolean }>(pool, RENEW, [
        jobId,
        holder,
        leaseMs,
        JSON.stringify(progress),
        hasProgressed,
      ]);
      if (row === undefined) return { state: "lost", isAwaited: false };
      return { state: row.is_cancelled ? "cancelled" : "held", isAwaited: row.is_awaited };
    },
    finish: async (jobId, { state, result, problem }) => {
      await inTransactionAs(pool, CONSOLE, (client) =>
        query(client, FINISH, [jobId, holder, state, JSON.stringify(result), problem]),
      );
    },
    release: async (jobId, { pauseMs, problem }) => {
      await query(pool, RELEASE, [jobId, holder, pauseMs, problem]);
    },
    requeue: async (jobId) => {
      await query(pool, REQUEUE, [jobId, holder]);
    },
  };
}

// One that is running comes first: it keeps the others of its kind waiting. Of those that wait, the one whose row has not
// changed for the longest time: one that was put back waits behind the others.
const CLAIM = `
  UPDATE jobs SET
    state = 'running', lease_holder = $1, lease_until = clock_timestamp() + $2 * interval '1 ms',
    started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp(), attempts = attempts + 1
  FROM (
    SELECT job_id AS claimed, lease_holder IS NOT NULL AS is_taken_over FROM jobs AS free
    WHERE finished_at IS NULL AND (lease_until IS NULL OR lease_until < clock_timestamp())
      AND (state = 'running'
           OR NOT EXISTS (SELECT FROM jobs AS other WHERE other.kind = free.kind AND other.state = 'running'))
    ORDER BY state = 'running' DESC, updated_at LIMIT 1
    FOR UPDATE SKIP LOCKED
  ) AS found
  WHERE job_id = found.claimed
  RETURNING attempts, found.is_taken_over, ${JOB_FIELDS}`;

const RENEW = `
  UPDATE jobs SET
    lease_until = clock_timestamp() + $3 * interval '1 ms', updated_at = clock_timestamp(), progress = $4,
    attempts = CASE WHEN $5 THEN 0 ELSE attempts END, problem = CASE WHEN $5 THEN NULL ELSE problem END
  WHERE job_id = $1 AND lease_holder = $2 AND state = 'running'
  RETURNING cancel_requested_at IS NOT NULL AS is_cancelled,
    EXISTS (SELECT FROM jobs AS other WHERE other.kind = jobs.kind AND other.state = 'queued') AS is_awaited`;

const FINISH = `
  UPDATE jobs SET
    state = $3, result = $4, problem = $5, finished_at = clock_timestamp(), updated_at = clock_timestamp(),
    lease_holder = NULL, lease_until = NULL
  WHERE job_id = $1 AND lease_holder = $2 AND state = 'running'`;

const RELEASE = `
  UPDATE jobs SET
    lease_holder = NULL, lease_until = clock_timestamp() + $3 * interval '1 ms', updated_at = clock_timestamp(),
    problem = coalesce($4, problem)
  WHERE job_id = $1 AND lease_holder = $2 AND state = 'running'`;

const REQUEUE = `
  UPDATE jobs SET state = 'queued', lease_holder = NULL, lease_until = NULL, updated_at = clock_timestamp()
  WHERE job_id = $1 AND lease_holder = $2 AND state = 'running'`;
