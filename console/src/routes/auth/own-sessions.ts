import { type PgPool, query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import type { Sessions } from "../../access/sessions.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { isoText } from "../../questions/statement.ts";
import { asked } from "../../questions/ask.ts";
import { nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { sessionOf } from "./session-of.ts";

const session = z.object({
  session_id: z.string(),
  method: z.enum(["password", "oidc", "link"]).describe("How you signed in."),
  created_at: z.string(),
  last_seen_at: z.string().describe("To about a minute."),
  expires_at: z.string(),
  address: z.string().nullable(),
  user_agent: z.string().nullable(),
  is_this: z.boolean().describe("It is the one that asks."),
});

/** `GET` and `DELETE /api/v1/auth/sessions`: a person's own. */
export const ownSessionsRoutes = ({
  pool,
  sessions,
}: {
  pool: PgPool;
  sessions: Sessions;
}): Route[] => [
  route({
    method: "GET",
    path: "/api/v1/auth/sessions",
    operationId: "listOwnSessions",
    summary: "Lists your sessions",
    permission: "self",
    cost: 1,
    schemas: { path: nothing, query: nothing },
    success: { status: 200, name: "Sessions", schema: z.object({ data: z.array(session) }) },
    codes: [],
    answer: async (_, asker) =>
      jsonAnswer(200, {
        data: await asked(query(pool, LIST, [asker.userId, asker.sessionId ?? null])),
      }),
  }),
  route({
    method: "DELETE",
    path: "/api/v1/auth/sessions",
    operationId: "endOtherSessions",
    summary: "Ends all your other sessions",
    permission: "self",
    cost: 1,
    schemas: { path: nothing, query: nothing },
    success: {
      status: 200,
      name: "SessionsEnded",
      schema: z.object({ data: z.object({ ended: z.number().int() }) }),
    },
    codes: [],
    answer: async (_, asker) => {
      const { userId, sessionId } = sessionOf(asker);
      const by = { actor: asker.actor, reason: "ended by their person" };
      const ended = await asked(sessions.endAllOf(userId, by, { exceptSessionId: sessionId }));
      return jsonAnswer(200, { data: { ended } });
    },
  }),
  route({
    method: "DELETE",
    path: "/api/v1/auth/sessions/{session_id}",
    operationId: "endOwnSession",
    summary: "Ends one of your sessions",
    description: "Each console knows it within 30 s, and ends its streams.",
    permission: "self",
    cost: 1,
    schemas: { path: z.strictObject({ session_id: z.uuid() }), query: nothing },
    success: { status: 200, name: "SessionEnded", schema: z.object({ data: z.object({}) }) },
    codes: ["NO_SUCH_SESSION"],
    answer: async ({ path: { session_id: sessionId } }, asker) => {
      const { userId } = sessionOf(asker);
      const by = { actor: asker.actor, reason: "ended by its person" };
      if (await asked(sessions.end({ userId, sessionId }, by)))
        return jsonAnswer(200, { data: {} });
      throw new Refusal("NO_SUCH_SESSION", "you have no such session (any more)");
    },
  }),
];

const LIST = `
  SELECT session_id, method, ${isoText("created_at")} AS created_at, ${isoText("last_seen_at")} AS last_seen_at,
         ${isoText("expires_at")} AS expires_at, address, user_agent, session_id IS NOT DISTINCT FROM $2::uuid AS is_this
  FROM sessions
  WHERE user_id = $1 AND expires_at > now() AND last_seen_at > now() - interval '8 hours'
  ORDER BY sessions.created_at DESC LIMIT 100`;
