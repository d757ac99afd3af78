import { z } from "zod";
import type { Account } from "../../access/sign-in/account.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { asked } from "../../questions/ask.ts";
import { nothing } from "../parameters.ts";
import { type Route, route } from "../route.ts";
import { sessionOf } from "./session-of.ts";

const password = z.string().max(1_000);
const code = z.string().min(1).max(40);
const done = {
  status: 200,
  name: "AccountChanged",
  schema: z.object({ data: z.object({}) }),
} as const;
const RENEWS = "The answer sets the cookie of a new session; all others of yours end.";
/** scrypt takes as much as a question about thousands of nodes. */
const COST = 50;

/** What local users change about how they sign in: `/api/v1/auth/password` and `/totp`. */
export const accountRoutes = (account: Account): Route[] => [
  route({
    method: "POST",
    path: "/api/v1/auth/password",
    operationId: "changePassword",
    summary: "Changes your password",
    description: `At least 12 characters, and none of the commonest passwords. Within 10 minutes after a sign-in by a one-time link the current one is not needed. ${RENEWS} Personal tokens stay.`,
    permission: "self",
    cost: COST,
    hasOwnTurns: true,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({ current_password: password.optional(), new_password: password }),
    },
    success: done,
    codes: ["WRONG_CREDENTIALS", "TOO_MANY_TRIES", "NOT_POSSIBLE"],
    answer: async ({ body }, asker) => {
      const given = { current: body.current_password, next: body.new_password };
      const { cookie } = await asked(account.changePassword(given, asker, sessionOf(asker)));
      return { ...jsonAnswer(200, { data: {} }), cookies: [cookie] };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/auth/totp",
    operationId: "beginTotp",
    summary: "Makes a secret for an authenticator app (RFC 6238)",
    description: "It counts once a code of the app was confirmed.",
    permission: "self",
    cost: COST,
    hasOwnTurns: true,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({ password: password.optional() }),
    },
    success: {
      status: 200,
      name: "TotpSecret",
      schema: z.object({
        data: z.object({
          secret: z.string().describe("To type in, in base 32."),
          url: z.string().describe("otpauth://…, which the app reads as a QR code."),
        }),
      }),
    },
    codes: ["WRONG_CREDENTIALS", "TOO_MANY_TRIES", "NOT_POSSIBLE"],
    answer: async ({ body }, asker) =>
      jsonAnswer(200, {
        data: await asked(account.beginTotp(body.password, asker, sessionOf(asker))),
      }),
  }),
  route({
    method: "POST",
    path: "/api/v1/auth/totp/confirm",
    operationId: "confirmTotp",
    summary: "Confirms the authenticator app: signing in needs its code from then on",
    description: RENEWS,
    permission: "self",
    cost: 10,
    hasOwnTurns: true,
    schemas: { path: nothing, query: nothing, body: z.strictObject({ code }) },
    success: {
      status: 200,
      name: "TotpConfirmed",
      schema: z.object({
        data: z.object({
          recovery_codes: z
            .array(z.string())
            .describe("Each is of use once in the place of a code. They are shown only now."),
        }),
      }),
    },
    codes: ["WRONG_CREDENTIALS", "TOO_MANY_TRIES", "NOT_POSSIBLE"],
    answer: async ({ body }, asker) => {
      const { cookie, recoveryCodes } = await asked(
        account.confirmTotp(body.code, asker, sessionOf(asker)),
      );
      return { ...jsonAnswer(200, { data: { recovery_codes: recoveryCodes } }), cookies: [cookie] };
    },
  }),
  route({
    method: "POST",
    path: "/api/v1/auth/totp/remove",
    operationId: "removeTotp",
    summary: "Removes the authenticator app",
    description: RENEWS,
    permission: "self",
    cost: COST,
    hasOwnTurns: true,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({ password: password.optional(), code }),
    },
    success: done,
    codes: ["WRONG_CREDENTIALS", "TOO_MANY_TRIES", "NOT_POSSIBLE"],
    answer: async ({ body }, asker) => {
      const given = { password: body.password, code: body.code };
      const { cookie } = await asked(account.removeTotp(given, asker, sessionOf(asker)));
      return { ...jsonAnswer(200, { data: {} }), cookies: [cookie] };
    },
  }),
];
