import { FatalError } from "@fiberstream/runtime/errors";
import type { PgPool } from "@fiberstream/postgres/pool";
import type { Log } from "@fiberstream/runtime/log";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import type { OwnOrigin } from "../access/own-origin.ts";
import type { RateLimits } from "../access/rate-limits.ts";
import type { From, Reader } from "../access/reader.ts";
import type { Sessions } from "../access/sessions.ts";
import type { SignIn } from "../access/sign-in/sign-in.ts";
import { createGrantFiber } from "../single-sign-on/fiber-codes.ts";
import { type GrantsFile, openGrantsFile } from "../single-sign-on/grants-file.ts";
import { oidcOptions, type oidcSettings } from "../single-sign-on/oidc-settings.ts";
import { createRecordPerson } from "../single-sign-on/people.ts";
import { createReaderOfProxy, type ReaderOfProxy } from "../single-sign-on/proxy-authentication.ts";
import type { SignOnMetrics } from "../single-sign-on/sign-on-metrics.ts";
import { startSingleSignOn } from "../single-sign-on/start-single-sign-on.ts";
import { createReadNamed, type trustedProxySettings } from "../single-sign-on/trusted-proxy.ts";
import { createAccounts } from "./accounts.ts";
import { limitPages } from "./limit-pages.ts";
import { createPageRoutes } from "./page-routes.ts";
import type { PageRoute } from "./page-route.ts";

type Config = ConfigOf<typeof oidcSettings & typeof trustedProxySettings> & {
  readonly publicUrl?: string | undefined;
  readonly keyMaxAgeMs: number;
};

/** What signing in needs of the console. */
type People = {
  readonly pool: PgPool;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly ownOrigin: OwnOrigin;
};

/**
 * Opens the file with the grants of groups, if people come from a provider or a proxy.
 * @throws {FatalError}
 */
export async function openGrants(options: {
  config: Config;
  metrics: SignOnMetrics;
  log: Log;
}): Promise<GrantsFile | undefined> {
  const { config, metrics, log } = options;
  const { oidcGrantsFile: path, trustedProxies } = config;
  if (path !== undefined) {
    return openGrantsFile({ path, reportValid: metrics.reportGrantsFile, log });
  }
  if (trustedProxies === undefined) return undefined;
  throw new FatalError(
    "TRUSTED_PROXIES is set, but OIDC_GRANTS_FILE is not",
    "Set OIDC_GRANTS_FILE to a file that says what the groups of people may do, or unset TRUSTED_PROXIES",
  );
}

/** Believes the proxies of TRUSTED_PROXIES; undefined if there are none. */
export function createProxies(options: {
  config: Config;
  people: Pick<People, "pool" | "ownOrigin">;
  grantsFile: GrantsFile | undefined;
  metrics: SignOnMetrics;
}): ReaderOfProxy | undefined {
  const { config, people, grantsFile, metrics } = options;
  const { trustedProxies: peers } = config;
  if (peers === undefined || grantsFile === undefined) return undefined;
  return createReaderOfProxy({
    ...people,
    grantsFile,
    recordPerson: createRecordPerson(people.pool),
    maxAgeMs: config.keyMaxAgeMs,
    readNamed: createReadNamed({
      peers,
      userHeader: config.trustedProxyUserHeader,
      groupsHeader: config.trustedProxyGroupsHeader,
      countForeign: metrics.countForeignHeader,
    }),
  });
}

/**
 * Creates the pages, and connects single sign-on if the settings name a provider.
 *
 * @param options.secret common to all consoles
 * @throws {FatalError} for settings that contradict each other
 */
export function startPages(options: {
  config: Config;
  people: People;
  readerOfProxy: ReaderOfProxy | undefined;
  grantsFile: GrantsFile | undefined;
  rateLimits: RateLimits;
  secret: Buffer;
  metrics: SignOnMetrics;
  log: Log;
}): readonly PageRoute[] {
  const { config, people, readerOfProxy, grantsFile, rateLimits, secret, metrics, log } = options;
  const { pool, sessions, ownOrigin } = people;
  const whoIs = async (from: From): Promise<Reader | undefined> =>
    (await readerOfProxy?.(from, { isChange: false })) ?? sessions.find(from.headers.cookie);

  const oidc = oidcOptions(config);
  const singleSignOn =
    oidc === undefined || grantsFile === undefined
      ? undefined
      : startSingleSignOn({ oidc, grantsFile, pool, secret, sessions, ownOrigin, metrics, log });
  const pages = createPageRoutes({
    accounts: createAccounts({ ...people, whoIs }),
    ownOrigin,
    provider: singleSignOn?.provider,
    grantFiber: createGrantFiber(pool),
  });
  return limitPages([...pages, ...(singleSignOn?.routes ?? [])], rateLimits);
}
