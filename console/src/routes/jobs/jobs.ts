import { z } from "zod";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { type Job, JOB_FIELDS, JOB_KINDS, JOB_STATES, jobSchema } from "../../jobs/job.ts";
import type { Ask, Change } from "../../questions/ask.ts";
import type { Cursors } from "../../questions/cursors.ts";
import type { TenantScope } from "../../access/scope.ts";
import { statement } from "../../questions/statement.ts";
import { cursorParameter, nothing, wholeNumber } from "../parameters.ts";
import { type Route, route } from "../route.ts";

type Sources = { readonly ask: Ask; readonly change: Change; readonly cursors: Cursors };

const path = z.strictObject({ job_id: z.uuid() });
const oneJob = { name: "Job", schema: z.object({ data: jobSchema }) };

/** `GET /api/v1/jobs`, `GET /api/v1/jobs/{job_id}` and `POST /api/v1/jobs/{job_id}/cancel` */
export const jobsRoutes = (sources: Sources): Route[] => [
  listJobs(sources),
  readJob(sources),
  cancelJob(sources),
];

const listJobs = ({ ask, cursors }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/jobs",
    operationId: "listJobs",
    summary: "Returns jobs, the newest first",
    description: "Jobs are kept for 90 days after they have finished.",
    permission: "deadletters:read",
    cost: 1,
    schemas: {
      path: nothing,
      query: z.strictObject({
        kind: z.enum(JOB_KINDS).optional(),
        state: z.enum(JOB_STATES).optional(),
        cursor: cursorParameter,
        limit: wholeNumber({ min: 1, max: 100, standard: 20 }),
      }),
    },
    success: {
      status: 200,
      name: "Jobs",
      schema: z.object({
        data: z.array(jobSchema),
        meta: z.object({ next_cursor: z.string().nullable() }),
      }),
    },
    codes: ["INVALID_CURSOR"],
    answer: async ({ query: { kind, state, cursor, limit } }, { scope }) => {
      const question = JSON.stringify(["jobs", kind, state]);
      const after = cursor === undefined ? undefined : cursors.read(question, cursor);
      const rows = await ask<Job>(
        statement(scope, ({ value, visible }) => {
          const conditions = [
            visible("tenant"),
            ...(kind === undefined ? [] : [`kind = ${value(kind)}`]),
            ...(state === undefined ? [] : [`state = ${value(state)}`]),
            ...(after === undefined
              ? []
              : [
                  `(jobs.created_at, job_id) < (${value(after[0])}::timestamptz, ${value(after[1])}::uuid)`,
                ]),
          ];
          return `SELECT ${JOB_FIELDS} FROM jobs WHERE ${conditions.join(" AND ")}
                  ORDER BY jobs.created_at DESC, job_id DESC LIMIT ${value(limit + 1)}`;
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return jsonAnswer(200, {
        data: page,
        meta: {
          next_cursor:
            rows.length > limit && last !== undefined
              ? cursors.write(question, [last.created_at, last.job_id])
              : null,
        },
      });
    },
  });

const readJob = ({ ask }: Sources) =>
  route({
    method: "GET",
    path: "/api/v1/jobs/{job_id}",
    operationId: "getJob",
    summary: "Returns one job: how far it is, and what came of it",
    permission: "deadletters:read",
    cost: 1,
    schemas: { path, query: nothing },
    success: { status: 200, ...oneJob },
    codes: ["NO_SUCH_JOB"],
    answer: async ({ path: { job_id: id } }, { scope }) =>
      jsonAnswer(200, { data: await findJob(ask, scope, id) }),
  });

const cancelJob = ({ change }: Sources) =>
  route({
    method: "POST",
    path: "/api/v1/jobs/{job_id}/cancel",
    operationId: "cancelJob",
    summary: "Cancels a job",
    description:
      "One that waits is cancelled at once; one that runs stops within about a second. What it has sent stays sent.",
    permission: "jobs:cancel",
    cost: 1,
    schemas: { path, query: nothing },
    success: { status: 202, ...oneJob },
    codes: ["NO_SUCH_JOB", "JOB_FINISHED"],
    answer: async ({ path: { job_id: id } }, { id: by, actor, scope }) => {
      const [job] = await change(actor)<Job>(
        statement(
          scope,
          ({ value, visible }) =>
            `UPDATE jobs SET
               cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
               cancelled_by = coalesce(cancelled_by, ${value(by)}), updated_at = clock_timestamp(),
               state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
               result = CASE WHEN state = 'queued' AND started_at IS NOT NULL THEN progress END,
               finished_at = CASE state WHEN 'queued' THEN clock_timestamp() END
             WHERE job_id = ${value(id)} AND finished_at IS NULL AND ${visible("tenant")}
             RETURNING ${JOB_FIELDS}`,
        ),
      );
      if (job !== undefined) return jsonAnswer(202, { data: job });
      const { state } = await findJob(change(actor), scope, id);
      throw new Refusal("JOB_FINISHED", `the job is ${state} already`);
    },
  });

/** @throws {Refusal} NO_SUCH_JOB */
async function findJob(ask: Ask, scope: TenantScope, id: string): Promise<Job> {
  const [job] = await ask<Job>(
    statement(
      scope,
      ({ value, visible }) =>
        `SELECT ${JOB_FIELDS} FROM jobs WHERE job_id = ${value(id)} AND ${visible("tenant")}`,
    ),
  );
  if (job !== undefined) return job;
  throw new Refusal("NO_SUCH_JOB", "there is no such job");
}
