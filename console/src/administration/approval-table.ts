import { createHash } from "node:crypto";
import { type PgClient, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { Refusal } from "../answers/refusal.ts";
import { isoText } from "../questions/statement.ts";

export const APPROVAL_STATES = ["waiting", "expired", "approved", "rejected", "withdrawn"] as const;

export const approvalSchema = z.object({
  approval_id: z.string(),
  state: z.enum(APPROVAL_STATES),
  operation: z.string().describe("The route, by its operationId."),
  tenant: z
    .string()
    .nullable()
    .describe("Whose data it is about; null: of several, or the platform's."),
  requested_by: z.string().describe("User id."),
  requested_at: z.string(),
  expires_at: z.string(),
  decided_by: z.string().nullable(),
  decided_at: z.string().nullable(),
  decision_reason: z.string().nullable(),
  request: z
    .looseObject({})
    .describe("What is done when it is approved: path, query, body and headers."),
  request_sha256: z.string().describe("Of the bytes that are kept; approving names it."),
});
export type Approval = z.output<typeof approvalSchema>;

export const APPROVAL_FIELDS = [
  "approval_id",
  "operation",
  "tenant",
  "requested_by",
  "decided_by",
  "decision_reason",
  "request::jsonb AS request",
  "encode(request_sha256, 'hex') AS request_sha256",
  "CASE WHEN state = 'waiting' AND expires_at <= now() THEN 'expired' ELSE state END AS state",
  ...["requested_at", "expires_at", "decided_at"].map(
    (name) => `${isoText(`approvals.${name}`)} AS ${name}`,
  ),
].join(", ");

/** How many requests may wait, so that nobody fills the list of those who decide. */
const MAX_WAITING = 200;
const MAX_WAITING_OF_ONE = 20;

/** @throws {Refusal} TOO_MANY_APPROVALS */
export async function insertApproval(
  client: PgClient,
  asked: { operation: string; tenant: string | null; requestedBy: string; request: string },
): Promise<Approval> {
  const [row] = await query<Approval>(
    client,
    `INSERT INTO approvals (operation, tenant, requested_by, request, request_sha256)
     SELECT $1, $2, $3, $4, $5
     FROM (SELECT count(*) AS of_all, count(*) FILTER (WHERE requested_by = $3) AS own
           FROM approvals WHERE state = 'waiting' AND expires_at > now()) AS waiting
     WHERE of_all < ${MAX_WAITING} AND own < ${MAX_WAITING_OF_ONE}
     RETURNING ${APPROVAL_FIELDS}`,
    [
      asked.operation,
      asked.tenant,
      asked.requestedBy,
      asked.request,
      createHash("sha256").update(asked.request).digest(),
    ],
  );
  if (row !== undefined) return row;
  throw new Refusal(
    "TOO_MANY_APPROVALS",
    `${MAX_WAITING_OF_ONE} requests of yours, or ${MAX_WAITING} of all, wait for approval: withdraw some, or wait until they are decided`,
  );
}

/** Returns an approval, which nobody else can decide until the transaction ends; undefined: there is none. */
export async function lockApproval(client: PgClient, id: string) {
  const [row] = await query<Approval & { readonly request_text: string }>(
    client,
    `SELECT ${APPROVAL_FIELDS}, request AS request_text FROM approvals WHERE approval_id = $1 FOR UPDATE`,
    [id],
  );
  return row;
}

export async function decideApproval(
  client: PgClient,
  decision: {
    readonly id: string;
    readonly state: "approved" | "rejected" | "withdrawn";
    readonly by: string;
    readonly reason: string | undefined;
  },
): Promise<Approval> {
  const [row] = await query<Approval>(
    client,
    `UPDATE approvals SET state = $2, decided_by = $3, decision_reason = $4, decided_at = clock_timestamp()
     WHERE approval_id = $1 RETURNING ${APPROVAL_FIELDS}`,
    [decision.id, decision.state, decision.by, decision.reason ?? null],
  );
  if (row === undefined) throw new Error("the database has returned no approval");
  return row;
}
