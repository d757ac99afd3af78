import { verifyLog } from "@fiberstream/audit/log/verify-log";
import type { PgPool } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { isEverything } from "../../access/scope.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { refusalOf } from "../../questions/ask.ts";
import { nothing, wholeNumber } from "../parameters.ts";
import { route } from "../route.ts";

/** They take about 2 s. */
const MAX_ENTRIES = 100_000;

const entry = z.object({ seq: z.number().int(), hash: z.string() });
const verification = z.object({
  from: z.number().int(),
  entries: z.number().int().describe("How many entries are right, up to the first wrong one."),
  last: entry.nullable().describe("The last of them; keep its hash elsewhere."),
  newest: z.number().int().describe("Number of the newest entry of the log."),
  next_from: z.number().int().nullable().describe("Continue with it; null: all is verified."),
  findings: z.array(
    z.object({
      guard: z.enum(["sequence", "chain", "bytes", "columns", "clock"]),
      seq: z.number().int(),
      message: z.string(),
    }),
  ),
});

/** `GET /api/v1/audit/verify`: whether the entries are as they were written. */
export const verifyAuditRoute = ({ pool }: { pool: PgPool }) =>
  route({
    method: "GET",
    path: "/api/v1/audit/verify",
    operationId: "verifyAudit",
    summary: "Verifies entries of the audit log",
    description: `Up to ${MAX_ENTRIES} in one request: sequence, chain of hashes, bytes, columns and clock of each. Only for those who may see all tenants. A log that was cut at its end, or built again as a whole, is right by itself: fiber audit verify compares it with checkpoints.`,
    permission: "audit:verify",
    cost: 50,
    schemas: {
      path: nothing,
      query: z.strictObject({
        from: wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER - MAX_ENTRIES, standard: 1 }),
        limit: wholeNumber({ min: 1, max: MAX_ENTRIES, standard: MAX_ENTRIES }),
      }),
    },
    success: { status: 200, name: "AuditVerification", schema: z.object({ data: verification }) },
    codes: [],
    answer: async ({ query: { from, limit } }, { scope }) => {
      if (!isEverything(scope)) {
        throw new Refusal(
          "NOT_ALLOWED",
          "the log has one chain for all tenants: who verifies it needs a grant for all",
        );
      }
      const to = from + limit - 1;
      const { last, ...verified } = await verifyLog(pool, { from, to }).catch((error: unknown) => {
        throw refusalOf(error);
      });
      const isStopped = verified.findings.some(({ guard }) => guard !== "clock");
      return jsonAnswer(200, {
        data: {
          ...verified,
          last: last === undefined ? null : { seq: last.seq, hash: last.hash.toString("hex") },
          next_from: isStopped || to >= verified.newest ? null : to + 1,
        },
      });
    },
  });
