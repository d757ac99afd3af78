import { actAs } from "@fiberstream/postgres/acting";
import { inTransaction, type PgPool } from "@fiberstream/postgres/pool";
import { z } from "zod";
import { createToken } from "../../access/personal-tokens.ts";
import { ALL } from "../../access/scope.ts";
import { jsonAnswer } from "../../answers/answer.ts";
import { Refusal } from "../../answers/refusal.ts";
import { redeemCode } from "../../single-sign-on/fiber-codes.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";
import { asked } from "../../questions/ask.ts";

const MAX_AGE_DAYS = 30;
/** A code cannot be guessed; this is about the work. */
const COST = 50;

const secret = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** `POST /api/v1/auth/fiber/token`: `fiber login` gets its token for the code of the page. */
export const fiberTokenRoute = ({ pool }: { pool: PgPool }) =>
  route({
    method: "POST",
    path: "/api/v1/auth/fiber/token",
    operationId: "redeemFiberCode",
    summary: "Returns a personal token for the one-time code of `fiber login`",
    description: `Whoever has signed in gets the code on the page \`/sign-in/fiber\`. It works once, for a minute, and only together with the secret whose SHA-256 the page was opened with. The token may do what its owner may, for ${MAX_AGE_DAYS} days.`,
    permission: "anyone",
    cost: COST,
    schemas: {
      path: nothing,
      query: nothing,
      body: z.strictObject({
        code: secret,
        verifier: secret.describe("The secret of the program."),
      }),
    },
    success: {
      status: 200,
      name: "FiberToken",
      schema: z.object({
        data: z.object({
          token: z.string().describe("Shown only now."),
          token_id: z.string(),
          expires_at: z.string(),
        }),
      }),
    },
    codes: ["SIGN_IN_FAILED", "TOO_MANY_TOKENS"],
    answer: async ({ body }, { from }) => {
      const made = await asked(
        inTransaction(pool, async (client) => {
          const redeemed = await redeemCode(client, body);
          if (redeemed === undefined) return undefined;
          const { userId, host } = redeemed;
          const { address, requestId } = from;
          await actAs(client, { kind: "user", id: userId, address, requestId });
          return createToken(client, {
            userId,
            note: `fiber on ${host}`,
            // The most that a token can be: it never has more than its owner.
            role: "admin",
            tenant: ALL,
            nodes: ALL,
            maxAgeDays: MAX_AGE_DAYS,
          });
        }),
      );
      if (made === undefined) {
        throw new Refusal(
          "SIGN_IN_FAILED",
          "the code is unknown, was used, is over a minute old, or belongs to another program: run fiber login again",
        );
      }
      const { token, tokenId, expiresAt } = made;
      return jsonAnswer(200, {
        data: { token, token_id: tokenId, expires_at: expiresAt.toISOString() },
      });
    },
  });
