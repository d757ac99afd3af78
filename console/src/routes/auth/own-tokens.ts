import { inTransactionAs } from "@fiberstream/postgres/acting";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { ROLES } from "../../access/permissions.ts";
import { createToken, type PersonalTokens } from "../../access/personal-tokens.ts";
import { ALL } from "../../access/scope.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { isoText } from "../../questions/statement.ts";
import { asked } from "../../questions/ask.ts";
import { nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { sessionOf } from "./session-of.ts";

const time = z.string().nullable();
const tokenFields = {
  token_id: z.string(),
  note: z.string().nullable(),
  role: z.enum(ROLES).describe("The most that it may do; never more than you at that moment."),
  tenant: z.string().describe("*: those of yours."),
  nodes: z.string().describe("*: those of yours."),
  created_at: z.string(),
  expires_at: z.string(),
  last_used_at: time.describe("To about a minute; null: never."),
  revoked_at: time,
};
const MAX_DAYS = 366;

/** `/api/v1/auth/tokens`: a person's own tokens, for scripts. */
export const ownTokensRoutes = ({
  pool,
  tokens,
}: {
  pool: PgPool;
  tokens: PersonalTokens;
}): Route[] => [
  route({
    method: "GET",
    path: "/api/v1/auth/tokens",
    operationId: "listOwnTokens",
    summary: "Lists your personal tokens",
    permission: "self",
    cost: 1,
    schemas: { path: nothing, query: nothing },
    success: {
      status: 200,
      name: "Tokens",
      schema: z.object({ data: z.array(z.object(tokenFields)) }),
    },
    codes: [],
    answer: async (_, asker) =>
      jsonAnswer(200, { data: await asked(query(pool, LIST, [asker.userId])) }),
  }),
  route({
    method: "POST",
    path: "/api/v1/auth/tokens",
    operationId: "createOwnToken",
    summary: "Creates a personal token, for a script",
    description:
      "The token is in this answer only. Send it as Authorization: Bearer fsp_…. It may do what both its role and you may do, at the moment of each request.",
    permission: "self",
    cost: 5,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({
        note: z.string().max(200).nullable().default(null).describe("What it is for."),
        role: z.enum(ROLES).default("viewer"),
        tenant: z
          .string()
          .regex(/^(?:\*|[A-Za-z0-9._-]{1,63})$/)
          .default(ALL),
        nodes: z
          .string()
          .regex(/^(?:\*|[^*\s]{1,50}\*?)$/)
          .default(ALL),
        days: z.number().int().min(1).max(MAX_DAYS).default(90).describe("How long it lasts."),
      }),
    },
    success: {
      status: 201,
      name: "TokenCreated",
      schema: z.object({
        data: z.object({ token: z.string(), token_id: z.string(), expires_at: z.string() }),
      }),
    },
    codes: ["TOO_MANY_TOKENS"],
    answer: async ({ body: { days, ...given } }, asker) => {
      const { userId } = sessionOf(asker);
      const made = await asked(
        inTransactionAs(pool, asker.actor, (client) =>
          createToken(client, { ...given, userId, maxAgeDays: days }),
        ),
      );
      return jsonAnswer(201, {
        data: {
          token: made.token,
          token_id: made.tokenId,
          expires_at: made.expiresAt.toISOString(),
        },
      });
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/auth/tokens/{token_id}",
    operationId: "revokeOwnToken",
    summary: "Revokes one of your personal tokens",
    description: "Each console knows it within 30 s.",
    permission: "self",
    cost: 1,
    schemas: {
      path: z.strictObject({ token_id: z.string().regex(/^[a-z0-9]{8,32}$/) }),
      query: nothing,
    },
    success: { status: 200, name: "TokenRevoked", schema: z.object({ data: z.object({}) }) },
    codes: ["NO_SUCH_TOKEN"],
    answer: async ({ path: { token_id: tokenId } }, asker) => {
      const revoked = await asked(
        inTransactionAs(pool, asker.actor, (client) =>
          query(client, REVOKE, [asker.userId, tokenId]),
        ),
      );
      if (revoked.length === 0) {
        throw new Refusal("NO_SUCH_TOKEN", "you have no such token, or it was revoked before");
      }
      tokens.forget(tokenId);
      return jsonAnswer(200, { data: {} });
    },
  }),
];

const LIST = `
  SELECT token_id, note, role, tenant, node_pattern AS nodes, ${isoText("created_at")} AS created_at,
         ${isoText("expires_at")} AS expires_at, ${isoText("last_used_at")} AS last_used_at,
         ${isoText("revoked_at")} AS revoked_at
  FROM personal_tokens WHERE user_id = $1 ORDER BY personal_tokens.created_at DESC LIMIT 1000`;
const REVOKE = `
  UPDATE personal_tokens SET revoked_at = now()
  WHERE user_id = $1 AND token_id = $2 AND revoked_at IS NULL RETURNING token_id`;
