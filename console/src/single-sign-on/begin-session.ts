import type { From } from "../access/reader.ts";
import type { Sessions } from "../access/sessions.ts";
import { asked } from "../questions/ask.ts";

/** Begins a session of a person whom the provider has signed in, and returns its Set-Cookie header. */
export type BeginSession = (
  userId: string,
  start: {
    readonly from: From;
    /** Of the session at the provider. */
    readonly sid: string | undefined;
  },
) => Promise<string>;

/** Whoever signs in anew has one session in this browser: the one that it had before ends. */
export const createBeginSession =
  (sessions: Sessions): BeginSession =>
  async (userId, { from, sid }) => {
    const { address, requestId, headers } = from;
    const before = await asked(sessions.find(headers.cookie, { isRecheck: true }));
    const { cookie } = await asked(
      sessions.begin(userId, {
        address,
        requestId,
        userAgent: headers["user-agent"],
        method: "oidc",
        sid,
      }),
    );
    if (before?.userId !== undefined && before.sessionId !== undefined) {
      const actor = { ...before.actor, address, requestId };
      const session = { userId: before.userId, sessionId: before.sessionId };
      await asked(sessions.end(session, { actor, reason: "replaced by a new one" }));
    }
    return cookie;
  };
