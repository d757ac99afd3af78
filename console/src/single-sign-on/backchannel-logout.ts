import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { Answer } from "../answers/answer.ts";
import { jsonAnswer } from "../answers/answer.ts";
import { type CheckLogoutToken, type Logout, LogoutTokenError } from "./logout-token.ts";
import type { Provider } from "./provider.ts";

/** What became of a logout token of the provider. */
export const LOGOUT_OUTCOMES = ["ended", "nobody", "replayed", "invalid", "failed"] as const;
export type LogoutOutcome = (typeof LOGOUT_OUTCOMES)[number];

/**
 * Ends the sessions that a logout token names.
 * @returns how many; "replayed" if the token was used before
 */
export type EndSessions = (logout: Logout) => Promise<number | "replayed">;

/**
 * Answers the provider's logout request (OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8). It has no credentials:
 * the token's signature says who asks.
 */
export function createBackchannelLogout(options: {
  provider: Provider;
  checkToken: CheckLogoutToken;
  endSessions: EndSessions;
  count: (outcome: LogoutOutcome) => void;
  log: Log;
}): (form: URLSearchParams) => Promise<Answer> {
  const { provider, checkToken, endSessions, count, log } = options;
  const warn = throttled((reason: string, times) =>
    log.warn({ reason, times }, "logout token rejected"),
  );

  const refuse = (outcome: "replayed" | "invalid", reason: string): Answer => {
    count(outcome);
    warn(reason);
    return jsonAnswer(400, { error: "invalid_request", error_description: reason });
  };

  return async (form) => {
    try {
      const client = await provider.client();
      const logout = await checkToken(form.get("logout_token") ?? "", client.serverMetadata());
      const ended = await endSessions(logout);
      if (ended === "replayed") return refuse("replayed", "the token was used before");
      count(ended === 0 ? "nobody" : "ended");
      log.info({ sessions: ended }, "sessions ended by the identity provider");
      return { status: 200, contentType: "text/plain; charset=utf-8", body: "" };
    } catch (error) {
      if (error instanceof LogoutTokenError) return refuse("invalid", messageOf(error));
      count("failed");
      throw error;
    }
  };
}
