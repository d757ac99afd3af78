import type { PgPool } from "@fiberstream/postgres/pool";
import type { OwnOrigin } from "../../access/own-origin.ts";
import type { PersonalTokens } from "../../access/personal-tokens.ts";
import type { Sessions } from "../../access/sessions.ts";
import type { Account } from "../../access/sign-in/account.ts";
import type { SignIn } from "../../access/sign-in/sign-in.ts";
import type { Route } from "../route.ts";
import { accountRoutes } from "./account.ts";
import { fiberTokenRoute } from "./fiber-token.ts";
import { meRoute } from "./me.ts";
import { ownSessionsRoutes } from "./own-sessions.ts";
import { ownTokensRoutes } from "./own-tokens.ts";
import { signInRoutes } from "./sign-in.ts";

/** People who have signed in, and how they do. */
export type People = {
  readonly pool: PgPool;
  readonly sessions: Sessions;
  readonly tokens: PersonalTokens;
  readonly ownOrigin: OwnOrigin;
  readonly signIn: SignIn;
  readonly account: Account;
};

/** What is about whoever asks: `/api/v1/auth/…` */
export const authRoutes = (people: People): Route[] => [
  meRoute(people),
  ...signInRoutes(people),
  ...ownSessionsRoutes(people),
  ...accountRoutes(people.account),
  ...ownTokensRoutes(people),
  fiberTokenRoute(people),
];
