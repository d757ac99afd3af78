import { endSessions } from "@fiberstream/access/user-table";
import { appendEntry } from "@fiberstream/postgres/acting";
import { query } from "@fiberstream/postgres/pool";
import { z } from "zod";
import type { Asker } from "../../access/reader.ts";
import type { ChangeAs } from "../../administration/change-as.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { isoText } from "../../questions/statement.ts";
import { nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { userPath } from "./read-users.ts";
import { lockManagedUser } from "./user-fields.ts";

const sessionSchema = z.object({
  session_id: z.string(),
  method: z.enum(["password", "oidc", "link"]).describe("How they signed in."),
  created_at: z.string(),
  last_seen_at: z.string().describe("To about a minute."),
  expires_at: z.string(),
  address: z.string().nullable(),
  user_agent: z.string().nullable(),
});
type Session = z.output<typeof sessionSchema>;

/** The sessions of other people: `GET` and `DELETE` of `/api/v1/users/{user_id}/sessions`, and one of them. */
export const sessionsOfUsersRoutes = ({ changeAs }: { changeAs: ChangeAs }): Route[] => [
  listSessions(changeAs),
  endAll(changeAs),
  endOne(changeAs),
];

const listSessions = (changeAs: ChangeAs) =>
  route({
    method: "GET",
    path: "/api/v1/users/{user_id}/sessions",
    operationId: "listSessionsOfUser",
    summary: "Returns where a user is signed in, the newest first",
    permission: "sessions:revoke",
    cost: 1,
    schemas: { path: userPath, query: nothing },
    success: {
      status: 200,
      name: "SessionsOfUser",
      schema: z.object({ data: z.array(sessionSchema) }),
    },
    codes: ["NO_SUCH_OBJECT"],
    answer: async ({ path: { user_id: id } }, asker) => {
      const data = await changeAs(asker, async (client) => {
        await lockManagedUser(client, asker.scope, id);
        return query<Session>(
          client,
          `SELECT session_id, method, address, user_agent,
                  ${["created_at", "last_seen_at", "expires_at"].map((name) => `${isoText(`sessions.${name}`)} AS ${name}`).join(", ")}
           FROM sessions WHERE user_id = $1 AND expires_at > now() AND last_seen_at > now() - interval '8 hours'
           ORDER BY sessions.created_at DESC LIMIT 1000`,
          [id],
        );
      });
      return jsonAnswer(200, { data });
    },
  });

const ended = {
  status: 200,
  name: "EndedSessions",
  schema: z.object({ data: z.object({ ended: z.number().int() }) }),
};

const endAll = (changeAs: ChangeAs) =>
  route({
    method: "DELETE",
    path: "/api/v1/users/{user_id}/sessions",
    operationId: "endSessionsOfUser",
    summary: "Signs a user out everywhere",
    description:
      "All consoles know it within 30 s. Personal tokens stay: disable the user to end those, too.",
    permission: "sessions:revoke",
    cost: 2,
    schemas: { path: userPath, query: nothing },
    success: ended,
    codes: ["NO_SUCH_OBJECT"],
    answer: async ({ path: { user_id: id } }, asker) =>
      jsonAnswer(200, { data: { ended: await end(changeAs, asker, { id }) } }),
  });

const endOne = (changeAs: ChangeAs) =>
  route({
    method: "DELETE",
    path: "/api/v1/users/{user_id}/sessions/{session_id}",
    operationId: "endSessionOfUser",
    summary: "Ends one session of a user",
    permission: "sessions:revoke",
    cost: 1,
    schemas: { path: userPath.extend({ session_id: z.uuid() }), query: nothing },
    success: ended,
    codes: ["NO_SUCH_OBJECT"],
    answer: async ({ path: { user_id: id, session_id: sessionId } }, asker) => {
      const count = await end(changeAs, asker, { id, sessionId });
      if (count === 0) throw new Refusal("NO_SUCH_OBJECT", "there is no such session");
      return jsonAnswer(200, { data: { ended: count } });
    },
  });

/** Sessions change with each use, so that no trigger logs their end. */
const end = (
  changeAs: ChangeAs,
  asker: Asker,
  { id, sessionId }: { id: string; sessionId?: string },
): Promise<number> =>
  changeAs(asker, async (client) => {
    await lockManagedUser(client, asker.scope, id);
    const count = await endSessions(client, id, sessionId === undefined ? {} : { sessionId });
    if (count > 0) {
      await appendEntry(client, {
        action: "session.ended",
        objectKind: "user",
        object: id,
        reason: "an administrator has ended it",
        after: { ended: count, ...(sessionId !== undefined && { session: sessionId }) },
      });
    }
    return count;
  });
