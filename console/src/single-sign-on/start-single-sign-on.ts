import type { PgPool } from "@fiberstream/postgres/pool";
import type { Log } from "@fiberstream/runtime/log";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { OwnOrigin } from "../access/own-origin.ts";
import type { Sessions } from "../access/sessions.ts";
import type { ProviderForPages } from "../pages/page-routes.ts";
import type { PageRoute } from "../pages/page-route.ts";
import { createBackchannelLogout } from "./backchannel-logout.ts";
import { createBeginSignIn } from "./begin-sign-in.ts";
import { createEndSessionUrl } from "./end-session-url.ts";
import { createEndSessions } from "./end-sessions.ts";
import { createBeginSession } from "./begin-session.ts";
import { createFinishSignIn } from "./finish-sign-in.ts";
import { createFlowCookies } from "./flow-cookie.ts";
import type { GrantsFile } from "./grants-file.ts";
import { createCheckLogoutToken } from "./logout-token.ts";
import type { OidcOptions } from "./oidc-settings.ts";
import { createOidcRoutes } from "./oidc-routes.ts";
import { createRecordPerson } from "./people.ts";
import { createProvider } from "./provider.ts";
import { createRedeemCode } from "./redeem-code.ts";
import type { SignOnMetrics } from "./sign-on-metrics.ts";

export type SingleSignOn = {
  readonly routes: readonly PageRoute[];
  readonly provider: ProviderForPages;
};

/**
 * Connects the parts of single sign-on. Asks the provider for its metadata already, but does not wait: the console answers
 * without it, too.
 *
 * @param options.secret common to all consoles
 */
export function startSingleSignOn(options: {
  oidc: OidcOptions;
  grantsFile: GrantsFile;
  pool: PgPool;
  secret: Buffer;
  sessions: Sessions;
  ownOrigin: OwnOrigin;
  metrics: SignOnMetrics;
  log: Log;
}): SingleSignOn {
  const { oidc, grantsFile, pool, secret, sessions, ownOrigin, metrics, log } = options;
  const provider = createProvider({ oidc, log });
  // Its failure is logged, and the first sign-in tries again.
  provider.client().catch(() => undefined);
  const flows = createFlowCookies({ secret, isPlain: ownOrigin.isPlain, now: wallNowMs });
  return {
    routes: createOidcRoutes({
      publicUrl: oidc.publicUrl,
      flows,
      beginSignIn: createBeginSignIn({ ...oidc, provider, flows, now: wallNowMs }),
      finishSignIn: createFinishSignIn({
        ...oidc,
        flows,
        grantsFile,
        redeemCode: createRedeemCode({ ...oidc, provider, log }),
        recordPerson: createRecordPerson(pool),
        beginSession: createBeginSession(sessions),
      }),
      backchannelLogout: createBackchannelLogout({
        provider,
        checkToken: createCheckLogoutToken(oidc),
        endSessions: createEndSessions({ pool, sessions }),
        count: metrics.countLogout,
        log,
      }),
      count: metrics.countSignIn,
    }),
    provider: { name: oidc.name, endSessionUrl: createEndSessionUrl({ ...oidc, provider }) },
  };
}
