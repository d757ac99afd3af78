import { z } from "zod";
import type { Reader } from "../../access/reader.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { type Job, JOB_FIELDS, jobSchema } from "../../jobs/job.ts";
import { redriveRequest, type RedriveRequest } from "../../jobs/redrive-job.ts";
import type { Ask } from "../../questions/ask.ts";
import { statement } from "../../questions/statement.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";

/** How many jobs may wait or run; operators start them one by one. */
const MAX_UNFINISHED = 20;
/** Of these, how many for one tenant's data, so that there is room for the others. */
const MAX_UNFINISHED_PER_TENANT = 5;

/** `POST /api/v1/dead-letters/redrive` */
export const redriveRoute = ({ change, wake }: { change: Ask; wake: () => void }) =>
  route({
    method: "POST",
    path: "/api/v1/dead-letters/redrive",
    operationId: "redriveDeadLetters",
    summary: "Sends dead letters back to the topics that they came from, as a job",
    description:
      "Fix the cause first. The original bytes are sent, in a transaction with the progress: whatever is killed, no letter is sent twice. Letters that fail after the job was created are left for the next one. A job and fiber dlq replay with the same filter share their progress, so that a second one sends only what has come since. Jobs run one at a time: after a minute one lets those go first that wait.",
    right: "redrive",
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
    answer: async ({ body }, reader) => {
      const job = await insertJob(change, reader, body);
      wake();
      return jsonAnswer(202, { data: job }, { Location: `/api/v1/jobs/${job.job_id}` });
    },
  });

/** @throws {Refusal} NOT_ALLOWED, TOO_MANY_JOBS */
async function insertJob(change: Ask, reader: Reader, body: RedriveRequest): Promise<Job> {
  const tenant = tenantOf(reader, body);
  const [job] = await change<Job>(
    statement({ tenants: "all" }, ({ value, ofTenants }) => {
      ofTenants("");
      const of = value(tenant);
      return `INSERT INTO jobs (kind, dry_run, tenant, created_by, request)
              SELECT 'redrive', ${value(body.dry_run)}::boolean, ${of}::text,
                     ${value(reader.id)}::text, ${value(JSON.stringify(body))}::jsonb
              FROM (SELECT count(*) AS all_jobs, count(*) FILTER (WHERE tenant = ${of}::text) AS own
                    FROM jobs WHERE finished_at IS NULL) AS unfinished
              WHERE all_jobs < ${MAX_UNFINISHED} AND own < ${MAX_UNFINISHED_PER_TENANT}
              RETURNING ${JOB_FIELDS}`;
    }),
  );
  if (job !== undefined) return job;
  throw new Refusal(
    "TOO_MANY_JOBS",
    `${MAX_UNFINISHED} jobs wait or run, or ${MAX_UNFINISHED_PER_TENANT} of one tenant: cancel some of them, or wait until they have finished`,
  );
}

/** Returns the tenant whose letters the job sends; null: of all. */
function tenantOf({ scope }: Reader, { filter }: RedriveRequest): string | null {
  const asked = filter?.tenant ?? null;
  if (scope.tenants === "all") return asked;
  const [own] = scope.tenants;
  if (own !== undefined && (asked === null || asked === own)) return own;
  throw new Refusal("NOT_ALLOWED", "this key may redrive letters of its own tenant only");
}
