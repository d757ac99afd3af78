import type { OwnOrigin } from "../access/own-origin.ts";
import type { From } from "../access/reader.ts";
import type { Answer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import { ownPath, START_PATH } from "../single-sign-on/return-path.ts";
import { accountPage } from "./account-page.ts";
import type { Accounts, SignedIn } from "./accounts.ts";
import { allowFiberPage, codePage, fiberRequestIn, loopbackOrigin } from "./fiber-page.ts";
import { redirect } from "./html.ts";
import type { PageRequest, PageRoute } from "./page-route.ts";
import { linkPage, signedOutPage, signInPage } from "./sign-in-page.ts";

/** What the pages need of single sign-on, if there is a provider. */
export type ProviderForPages = {
  readonly name: string;
  /** Returns where a sign-out at the provider begins; undefined if it has none, or is not known yet. */
  readonly endSessionUrl: () => URL | undefined;
};

/** Makes a one-time code with which `fiber login` gets a token of this person. */
export type GrantFiber = (
  person: SignedIn,
  request: { readonly challenge: string; readonly host: string },
) => Promise<string>;

/** Returns the pages for signing in and out, until a web console has them. No page has a script. */
export function createPageRoutes(options: {
  accounts: Accounts;
  ownOrigin: OwnOrigin;
  provider: ProviderForPages | undefined;
  grantFiber: GrantFiber;
}): readonly PageRoute[] {
  const { accounts, ownOrigin, provider, grantFiber } = options;

  const form = async (request: PageRequest): Promise<URLSearchParams> => {
    ownOrigin.require(request.headers);
    return request.readForm();
  };
  const signedInOr = async (
    request: PageRequest,
    answer: (person: SignedIn) => Answer | Promise<Answer>,
  ): Promise<Answer> => {
    const person = await accounts.signedIn(request);
    return person === undefined ? redirect(signInAddress(request)) : answer(person);
  };
  /** Whoever signs in anew has one session in this browser. */
  const begin = async (
    request: PageRequest,
    to: string,
    signIn: (from: From) => Promise<readonly string[]>,
  ): Promise<Answer> => {
    const cookies = await signIn(request);
    await endHere(request);
    return redirect(to, cookies);
  };
  /** Ends the session that the browser has sent. */
  const endHere = async (request: PageRequest): Promise<SignedIn | undefined> => {
    const person = await accounts.signedIn(request);
    if (person?.sessionId === undefined) return person;
    await accounts.endSession(person, person.sessionId, request);
    return person;
  };

  return [
    get("/", "startPage", () => redirect(START_PATH)),
    get("/sign-in", "signInPage", ({ query }) =>
      signInPage({ provider: provider?.name, returnPath: returnPathIn(query) }),
    ),
    post("/sign-in", "signInByPassword", async (request) => {
      const given = await form(request);
      const [name, password] = [given.get("name") ?? "", given.get("password") ?? ""];
      const returnPath = returnPathIn(given);
      return orAgain(
        () =>
          begin(request, returnPath, (from) =>
            accounts.signIn({ name, password, code: codeIn(given) }, from),
          ),
        (refusal) => signInPage({ provider: provider?.name, returnPath, name, refusal }),
      );
    }),
    get("/sign-in/link", "linkPage", ({ query }) => linkPage(query.get("code") ?? "")),
    post("/sign-in/link", "signInByLink", async (request) => {
      const given = await form(request);
      const token = given.get("token") ?? "";
      return orAgain(
        () =>
          begin(request, START_PATH, (from) =>
            accounts.useLink({ token, code: codeIn(given) }, from),
          ),
        (refusal) => linkPage(token, refusal),
      );
    }),
    get("/sign-in/fiber", "fiberPage", (request) => {
      const asked = fiberRequestIn(request.query);
      return signedInOr(request, ({ name }) => allowFiberPage(name, asked));
    }),
    post("/sign-in/fiber", "allowFiber", async (request) => {
      const asked = fiberRequestIn(await form(request));
      return signedInOr(request, async (person) => {
        const code = await grantFiber(person, asked);
        if (asked.port === undefined) return codePage(code);
        const parameters = new URLSearchParams({ code, state: asked.state ?? "" });
        return redirect(`${loopbackOrigin(asked.port)}/?${parameters.toString()}`);
      });
    }),
    get("/account", "accountPage", (request) =>
      signedInOr(request, async (person) =>
        accountPage({
          person,
          sessions: await accounts.sessions(person),
          signOutTarget: person.kind === "oidc" ? provider?.endSessionUrl()?.origin : undefined,
        }),
      ),
    ),
    post("/account/sessions/end", "endOwnSession", async (request) => {
      const session = (await form(request)).get("session") ?? "";
      if (!UUID.test(session)) throw new Refusal("INVALID_PARAMETER", "this is not a session's id");
      return signedInOr(request, async (person) => {
        await accounts.endSession(person, session, request);
        return redirect(START_PATH);
      });
    }),
    post("/sign-out", "signOut", async (request) => {
      await form(request);
      const person = await endHere(request);
      // Else the next person at this browser would be signed in without being asked.
      const atProvider = person?.kind === "oidc" ? provider?.endSessionUrl() : undefined;
      return redirect(atProvider?.href ?? "/signed-out", [accounts.removal]);
    }),
    get("/signed-out", "signedOutPage", signedOutPage),
  ];
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Shows a form again with the reason why it was refused. */
async function orAgain(
  answer: () => Promise<Answer>,
  again: (refusal: Refusal) => Answer,
): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof Refusal) return again(error);
    throw error;
  }
}

const codeIn = (form: URLSearchParams): string | undefined => form.get("code")?.trim() || undefined;

const get = (path: string, operation: string, answer: PageRoute["answer"]): PageRoute => ({
  method: "GET",
  path,
  operation,
  answer,
});
const post = (path: string, operation: string, answer: PageRoute["answer"]): PageRoute => ({
  method: "POST",
  path,
  operation,
  answer,
});

/** No address of its own is known: an origin that no page has stands for it. */
const returnPathIn = (parameters: URLSearchParams): string =>
  ownPath(parameters.get("return") ?? undefined, "https://console.invalid");

/** Where a person signs in, and then comes back to this page. */
const signInAddress = ({ query }: PageRequest): string => {
  const wanted = query.has("challenge") ? `/sign-in/fiber?${query.toString()}` : START_PATH;
  return `/sign-in?${new URLSearchParams({ return: wanted }).toString()}`;
};
