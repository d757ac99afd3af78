import { Counter, Gauge, type Registry } from "prom-client";
import { LOGOUT_OUTCOMES, type LogoutOutcome } from "./backchannel-logout.ts";
import { SIGN_IN_OUTCOMES, type SignInOutcome } from "./sign-in-failure.ts";

export type SignOnMetrics = ReturnType<typeof createSignOnMetrics>;

export function createSignOnMetrics(registry: Registry) {
  const registers = [registry];
  const signIns = new Counter({
    name: "fiberstream_console_provider_sign_ins_total",
    help: "Sign-ins at the identity provider, by what became of them. unavailable: the provider does not answer, or too many sign in. refused: no group of the person has a grant, or the account is disabled. forged: the provider's answer is not valid, see the log (sign-in at the provider failed). expired: begun in another browser, or too long ago",
    labelNames: ["outcome"],
    registers,
  });
  const logouts = new Counter({
    name: "fiberstream_console_provider_logouts_total",
    help: "Logout requests of the identity provider, by what became of them. invalid, replayed: the token does not pass, see the log (logout token rejected). failed: PostgreSQL or the provider's keys are unavailable, and the sessions may still be open",
    labelNames: ["outcome"],
    registers,
  });
  const grantsValid = new Gauge({
    name: "fiberstream_console_grants_file_valid",
    help: "1: the file that OIDC_GRANTS_FILE names is valid; 0: its last change is ignored because it is not, see the log (invalid grants of groups ignored). Read at each sign-in",
    registers,
  });
  const foreignHeaders = new Counter({
    name: "fiberstream_console_untrusted_proxy_headers_total",
    help: "Requests that name a person in the header of TRUSTED_PROXY_USER_HEADER, but come from an address that TRUSTED_PROXIES does not have. They are rejected. Growing: somebody goes round the proxy, or its address is missing",
    registers,
  });
  // All series exist from the start: Prometheus sees no increase when a series appears with its first count.
  for (const outcome of SIGN_IN_OUTCOMES) signIns.inc({ outcome }, 0);
  for (const outcome of LOGOUT_OUTCOMES) logouts.inc({ outcome }, 0);
  grantsValid.set(1);

  return {
    countSignIn: (outcome: SignInOutcome) => signIns.inc({ outcome }),
    countLogout: (outcome: LogoutOutcome) => logouts.inc({ outcome }),
    reportGrantsFile: (isValid: boolean) => grantsValid.set(isValid ? 1 : 0),
    countForeignHeader: () => foreignHeaders.inc(),
  };
}
