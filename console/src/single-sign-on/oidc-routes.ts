import type { Answer } from "../answers/answer.ts";
import { redirect } from "../pages/html.ts";
import type { PageRoute } from "../pages/page-route.ts";
import { type BeginSignIn, CALLBACK_PATH } from "./begin-sign-in.ts";
import type { FinishSignIn } from "./finish-sign-in.ts";
import type { FlowCookies } from "./flow-cookie.ts";
import { ownPath } from "./return-path.ts";
import { outcomeOf, refusalOf, SignInFailure, type SignInOutcome } from "./sign-in-failure.ts";

/** Returns the steps of a sign-in at the provider, and the route with which the provider ends sessions. */
export function createOidcRoutes(options: {
  publicUrl: string;
  flows: FlowCookies;
  beginSignIn: BeginSignIn;
  finishSignIn: FinishSignIn;
  backchannelLogout: (form: URLSearchParams) => Promise<Answer>;
  count: (outcome: SignInOutcome) => void;
}): readonly PageRoute[] {
  const { publicUrl, flows, beginSignIn, finishSignIn, backchannelLogout, count } = options;

  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome !== undefined) count(outcome);
      throw error instanceof SignInFailure ? refusalOf(error) : error;
    }
  };

  return [
    {
      method: "GET",
      path: "/api/v1/auth/oidc/start",
      operation: "startSignIn",
      answer: ({ query }) =>
        counted(async () => {
          const returnPath = ownPath(query.get("return") ?? undefined, publicUrl);
          const { location, cookie } = await beginSignIn(returnPath);
          return redirect(location, [cookie]);
        }),
    },
    {
      method: "GET",
      path: CALLBACK_PATH,
      operation: "finishSignIn",
      answer: ({ query, address, requestId, headers }) =>
        counted(async () => {
          const { sessionCookie, returnPath } = await finishSignIn({
            query,
            from: { address, requestId, headers },
          });
          count("succeeded");
          return redirect(returnPath, [sessionCookie, flows.deletion]);
        }),
    },
    {
      method: "POST",
      path: "/api/v1/auth/oidc/backchannel-logout",
      operation: "backchannelLogout",
      isForPrograms: true,
      answer: async ({ readForm }) => backchannelLogout(await readForm()),
    },
  ];
}
