import { type PgClient, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import type { Asker } from "../../access/reader.ts";
import { isEverything, wholeTenants } from "../../access/scope.ts";
import type { ChangeRoutes } from "../../administration/change-routes.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { type Job, JOB_FIELDS, jobSchema } from "../../jobs/job.ts";
import { redriveRequest, type RedriveRequest } from "../../jobs/redrive-job.ts";
import { ownStatement } from "../../questions/statement.ts";
import { nothing } from "../parameters.ts";

/** How many jobs may wait or run; operators start them one by one. */
const MAX_UNFINISHED = 20;
/** Of these, how many for one tenant's data, so that there is room for the others. */
const MAX_UNFINISHED_PER_TENANT = 5;

/** `POST /api/v1/dead-letters/redrive` */
export const redriveRoute = (
  routes: ChangeRoutes,
  { wake, redriveOver }: { wake: () => void; redriveOver: number },
) =>
  routes.route({
    method: "POST",
    path: "/api/v1/dead-letters/redrive",
    operationId: "redriveDeadLetters",
    summary: "Sends dead letters back to the topics that they came from, as a job",
    description:
      "Fix the cause first. The original bytes are sent, in a transaction with the progress: whatever is killed, no letter is sent twice. Letters that fail after the job was created are left for the next one. A job and fiber dlq replay with the same filter share their progress, so that a second one sends only what has come since. Jobs run one at a time: after a minute one lets those go first that wait.",
    permission: "deadletters:redrive",
    cost: 100,
    schemas: {
      path: nothing,
      query: nothing,
      body: redriveRequest.refine(
        ({ filter, letters }) => (filter === undefined) !== (letters === undefined),
        "must have either filter or letters",
      ),
    },
    success: { status: 202, name: "Job", schema: z.object({ data: jobSchema }) },
    codes: ["TOO_MANY_JOBS"],
    need: (_, { body }, asker) =>
      mostLetters(body) > redriveOver
        ? { action: "redrive", tenant: tenantOf(asker, body) }
        : undefined,
    isOfOneTenant: true,
    change: async (client, { body }, asker) => {
      const job = await insertJob(client, asker, body);
      return jsonAnswer(202, { data: job }, { Location: `/api/v1/jobs/${job.job_id}` });
    },
    committed: wake,
  });

/** How many letters a job may send. */
const mostLetters = ({ dry_run: isDry, letters, limit }: RedriveRequest): number =>
  isDry
    ? 0
    : Math.min(letters?.length ?? Number.POSITIVE_INFINITY, limit ?? Number.POSITIVE_INFINITY);

/** @throws {Refusal} NOT_ALLOWED, TOO_MANY_JOBS */
async function insertJob(client: PgClient, asker: Asker, body: RedriveRequest): Promise<Job> {
  const tenant = tenantOf(asker, body);
  const { text, values } = ownStatement(({ value }) => {
    const of = value(tenant);
    return `INSERT INTO jobs (kind, dry_run, tenant, created_by, request)
              SELECT 'redrive', ${value(body.dry_run)}::boolean, ${of}::text,
                     ${value(asker.id)}::text, ${value(JSON.stringify(body))}::jsonb
              FROM (SELECT count(*) AS all_jobs, count(*) FILTER (WHERE tenant = ${of}::text) AS own
                    FROM jobs WHERE finished_at IS NULL) AS unfinished
              WHERE all_jobs < ${MAX_UNFINISHED} AND own < ${MAX_UNFINISHED_PER_TENANT}
              RETURNING ${JOB_FIELDS}`;
  });
  const [job] = await query<Job>(client, text, values);
  if (job !== undefined) return job;
  throw new Refusal(
    "TOO_MANY_JOBS",
    `${MAX_UNFINISHED} jobs wait or run, or ${MAX_UNFINISHED_PER_TENANT} of one tenant: cancel some of them, or wait until they have finished`,
  );
}

/**
 * Returns the tenant whose letters the job sends; null: of all. A job sends letters of all nodes of its tenant.
 * @throws {Refusal} NOT_ALLOWED
 */
function tenantOf({ scope }: Asker, { filter }: RedriveRequest): string | null {
  const asked = filter?.tenant;
  if (isEverything(scope)) return asked ?? null;
  const tenants = wholeTenants(scope);
  if (asked !== undefined && (tenants === "all" || tenants.includes(asked))) return asked;
  const [own, ...others] = tenants === "all" ? [] : tenants;
  if (asked === undefined && own !== undefined && others.length === 0) return own;
  throw new Refusal(
    "NOT_ALLOWED",
    asked === undefined
      ? "name in filter.tenant the tenant whose letters are to be sent: you may not redrive those of all tenants"
      : "you may redrive letters of your own tenants only, and only with a grant for all of a tenant's nodes",
  );
}
