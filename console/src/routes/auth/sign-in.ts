import { z } from "zod";
import type { OwnOrigin } from "../../access/own-origin.ts";
import type { Sessions } from "../../access/sessions.ts";
import type { SignedIn, SignIn } from "../../access/sign-in/sign-in.ts";
import { type Answer, jsonAnswer } from "../../answers/answer.ts";
import { asked } from "../../questions/ask.ts";
import { nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";

export type SignInSources = {
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  readonly ownOrigin: OwnOrigin;
};

const code = z
  .string()
  .min(1)
  .max(40)
  .optional()
  .describe("Of the authenticator app, or for recovery.");

const signedIn = {
  status: 200,
  name: "SignedIn",
  schema: z.object({
    data: z.object({ user_id: z.string(), session_id: z.string() }),
  }),
} as const;

const signedInAnswer = ({ userId, sessionId, cookies }: SignedIn): Answer => ({
  ...jsonAnswer(200, { data: { user_id: userId, session_id: sessionId } }),
  cookies,
});

/** Of what an address may ask: with the standard limit 20 tries at once, and then two a second. */
const COST_OF_TRY = 50;

/** `POST /api/v1/auth/sign-in`, `/link` and `/sign-out` */
export const signInRoutes = ({ signIn, sessions, ownOrigin }: SignInSources): Route[] => [
  route({
    method: "POST",
    path: "/api/v1/auth/sign-in",
    operationId: "signIn",
    summary: "Signs a local user in by name and password",
    description:
      "The answer sets the cookie of a new session. After five failed tries within a minute, further ones wait: a minute, then two, up to 15. They are counted for the account and for the address, and apart for a browser in which the user has signed in before.",
    permission: "anyone",
    cost: COST_OF_TRY,
    hasOwnTurns: true,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({
        name: z.string().min(1).max(200),
        password: z.string().min(1).max(1_000),
        code,
      }),
    },
    success: signedIn,
    codes: ["WRONG_CREDENTIALS", "CODE_REQUIRED", "TOO_MANY_TRIES"],
    answer: async ({ body }, { from }) => {
      ownOrigin.refuseOthers(from.headers);
      return signedInAnswer(await asked(signIn.byPassword(body, from)));
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/auth/link",
    operationId: "useLink",
    summary: "Signs somebody in by a one-time link",
    description:
      "The answer sets the cookie of a new session. A link works once. Whoever has an authenticator app needs its code, too.",
    permission: "anyone",
    cost: COST_OF_TRY,
    hasOwnTurns: true,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({ token: z.string().min(1).max(200), code }),
    },
    success: signedIn,
    codes: ["WRONG_CREDENTIALS", "CODE_REQUIRED", "TOO_MANY_TRIES"],
    answer: async ({ body }, { from }) => {
      ownOrigin.refuseOthers(from.headers);
      return signedInAnswer(await asked(signIn.byLink(body, from)));
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/auth/sign-out",
    operationId: "signOut",
    summary: "Ends the session of the cookie, if there is one",
    permission: "anyone",
    cost: 1,
    hasOwnTurns: true,
    schemas: { path: nothing, query: nothing },
    success: { status: 200, name: "SignedOut", schema: z.object({ data: z.object({}) }) },
    codes: [],
    answer: async (_, { from }) => {
      ownOrigin.require(from.headers);
      const reader = await asked(sessions.find(from.headers.cookie, { isRecheck: true }));
      if (reader?.userId !== undefined && reader.sessionId !== undefined) {
        const { userId, sessionId, actor } = reader;
        const by = { ...actor, address: from.address, requestId: from.requestId };
        await asked(sessions.end({ userId, sessionId }, { actor: by, reason: "signed out" }));
      }
      return { ...jsonAnswer(200, { data: {} }), cookies: [sessions.removal] };
    },
  }),
];
