import { ALL } from "../access/scope.ts";
import type { Answer } from "../answers/answer.ts";
import type { SessionRow, SignedIn } from "./accounts.ts";
import { type Html, markup, page, table } from "./html.ts";

const KINDS = {
  local: "a local account",
  oidc: "an account of the identity provider",
} as const satisfies Record<SignedIn["kind"], string>;

/**
 * Returns the page that says who is signed in, what they may do, and where else.
 * @param options.signOutTarget origin of the provider, to which a sign-out leads
 */
export function accountPage(options: {
  person: SignedIn;
  sessions: readonly SessionRow[];
  signOutTarget: string | undefined;
}): Answer {
  const { person, sessions, signOutTarget } = options;
  return page({
    title: "Your account",
    ...(signOutTarget !== undefined && { formTargets: [signOutTarget] }),
    body: markup`<p>
        You are signed in as <strong id="name">${person.name}</strong>, ${KINDS[person.kind]}.
      </p>
      <form method="post" action="/sign-out"><button>Sign out</button></form>
      <h2>What you may do</h2>
      ${grantsOf(person)}
      <h2>Your sessions</h2>
      ${table(
        ["began", "last seen", "from", ""],
        sessions.map((session) => sessionCells(session, person)),
      )}
      <p><a href="/docs">API of the console</a></p>`,
  });
}

const grantsOf = ({ grants }: SignedIn): Html =>
  grants.length === 0
    ? markup`<p>Nothing: ask an admin for a grant.</p>`
    : table(
        ["role", "tenant", "nodes"],
        grants.map(({ role, tenant, nodes }) => [role, shown(tenant), shown(nodes)]),
      );

const sessionCells = (
  { id, beganAt, lastSeenAt, address }: SessionRow,
  { sessionId }: SignedIn,
) => [
  timeOf(beganAt),
  timeOf(lastSeenAt),
  address,
  id === sessionId
    ? "this one"
    : markup`<form method="post" action="/account/sessions/end">
        <input type="hidden" name="session" value="${id}" /><button>End</button>
      </form>`,
];

const shown = (name: string): string => (name === ALL ? "all" : name);

const timeOf = (time: Date): string => `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
