import type { From } from "../access/reader.ts";
import { Refusal } from "../answers/refusal.ts";
import type { BeginSession } from "./begin-session.ts";
import type { FlowCookies } from "./flow-cookie.ts";
import type { GrantsFile } from "./grants-file.ts";
import { grantsOf, groupsIn } from "./grants-of-groups.ts";
import type { RecordPerson } from "./people.ts";
import type { Claims, RedeemCode } from "./redeem-code.ts";
import { SignInFailure } from "./sign-in-failure.ts";

/**
 * Ends a sign-in: the provider has led the browser back.
 * @returns the cookie of the new session, and the page that the person wanted
 * @throws {SignInFailure}
 * @throws {Refusal} PROVIDER_UNAVAILABLE, SIGN_IN_REFUSED, OVERLOADED
 */
export type FinishSignIn = (request: {
  query: URLSearchParams;
  from: From;
}) => Promise<{ sessionCookie: string; returnPath: string }>;

/** Each waits for the provider for at most two requests. */
const MAX_AT_ONCE = 50;

/** The path of a sign-in: whose flow, what does the provider say, which grants follow, and a session. */
export function createFinishSignIn(options: {
  issuer: string;
  flows: FlowCookies;
  redeemCode: RedeemCode;
  groupsClaim: string;
  grantsFile: GrantsFile;
  recordPerson: RecordPerson;
  beginSession: BeginSession;
}): FinishSignIn {
  const { issuer, flows, redeemCode, groupsClaim, grantsFile } = options;
  let running = 0;

  const finish: FinishSignIn = async ({ query, from }) => {
    const flow = flows.read(from.headers.cookie);
    if (flow === undefined || query.get("state") !== flow.state) {
      throw new SignInFailure(
        "expired",
        "this sign-in was not begun in this browser within the last 10 minutes, or another one was begun since",
      );
    }
    const claims = await redeemCode(query, flow);
    const groups = groupsIn(claims[groupsClaim]);
    const userId = await options.recordPerson({
      issuer,
      subject: subjectOf(claims),
      name: nameIn(claims),
      grants: grantsOf(groups, await grantsFile.read()),
      from,
    });
    const sessionCookie = await options.beginSession(userId, {
      from,
      sid: idIn(claims.sid),
    });
    return { sessionCookie, returnPath: flow.returnPath };
  };

  return async (request) => {
    if (running >= MAX_AT_ONCE) {
      throw new Refusal("OVERLOADED", "too many people sign in at this moment: retry later");
    }
    running++;
    try {
      return await finish(request);
    } finally {
      running--;
    }
  };
}

/** Ids are compared, so they are never cut. */
const ID_MAX_CHARACTERS = 255;

const idIn = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" && value.length <= ID_MAX_CHARACTERS
    ? value
    : undefined;

function subjectOf({ sub }: Claims): string {
  const subject = idIn(sub);
  if (subject !== undefined) return subject;
  throw new Refusal("SIGN_IN_REFUSED", "the provider's id of you has over 255 characters");
}

/** Names come from others: they are shown, and limited. */
const MAX_CHARACTERS = 200;

function textIn(claims: Claims, name: string): string | undefined {
  const value = claims[name];
  if (typeof value !== "string") return undefined;
  // oxlint-disable-next-line no-control-regex
  const shown = value.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, " ").trim();
  return shown === "" ? undefined : shown.slice(0, MAX_CHARACTERS);
}

const nameIn = (claims: Claims): string =>
  textIn(claims, "name") ??
  textIn(claims, "preferred_username") ??
  textIn(claims, "email") ??
  textIn(claims, "sub") ??
  "unnamed";
