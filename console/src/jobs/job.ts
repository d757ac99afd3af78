import { z } from "zod";
import { isoText } from "../questions/statement.ts";

export const JOB_KINDS = ["redrive"] as const;
export type JobKind = (typeof JOB_KINDS)[number];

export const JOB_STATES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

export const jobSchema = z.object({
  job_id: z.string(),
  kind: z.enum(JOB_KINDS),
  state: z.enum(JOB_STATES),
  dry_run: z.boolean().describe("It only counts what it would do."),
  tenant: z.string().nullable().describe("Whose data it is about; null: of all tenants."),
  created_by: z
    .string()
    .describe("Key id of the reader, or user id of the person, who asked for it."),
  created_at: z.string(),
  started_at: z.string().nullable(),
  updated_at: z.string(),
  finished_at: z.string().nullable(),
  cancel_requested_at: z.string().nullable(),
  cancelled_by: z.string().nullable(),
  problem: z.string().nullable().describe("Why it failed, or what it waits for."),
  request: z.looseObject({}).describe("What was asked for."),
  progress: z.looseObject({}).describe("done and total in records to look at, and counts."),
  result: z.looseObject({}).nullable().describe("What came of it; null before it has finished."),
});
export type Job = z.output<typeof jobSchema>;

const TIMES = [
  "created_at",
  "started_at",
  "updated_at",
  "finished_at",
  "cancel_requested_at",
] as const;

/** Of `jobs`, as answers have them. */
export const JOB_FIELDS = [
  "job_id",
  "kind",
  "state",
  "dry_run",
  "tenant",
  "created_by",
  "cancelled_by",
  "problem",
  "request",
  "progress",
  "result",
  ...TIMES.map((name) => `${isoText(`jobs.${name}`)} AS ${name}`),
].join(", ");
