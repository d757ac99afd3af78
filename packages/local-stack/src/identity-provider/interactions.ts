import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Provider } from "oidc-provider";
import type { Person } from "./identity-provider.ts";

/** Creates the provider's sign-in page: a button for each person. */
export function createInteractions(options: {
  provider: Provider;
  people: () => readonly Person[];
}): (request: IncomingMessage, response: ServerResponse) => void {
  const { provider, people } = options;

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== "POST") {
      // Throws for a browser that has not begun one.
      await provider.interactionDetails(request, response);
      response.setHeader("content-type", "text/html; charset=utf-8").end(pageOf(people()));
      return;
    }
    const accountId = new URLSearchParams(await text(request)).get("subject") ?? "";
    const result = { login: { accountId } };
    await provider.interactionFinished(request, response, result, {
      mergeWithLastSubmission: false,
    });
  };

  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(400, { "content-type": "text/plain" }).end(messageOf(error));
    });
  };
}

const pageOf = (people: readonly Person[]) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Identity provider for trying out</title></head><body>
<h1>Who are you?</h1>
<p>This provider runs on your machine only, and asks for no password.</p>
<form method="post">${people
  .map(
    ({ subject, name }) =>
      `<p><button name="subject" value="${escaped(subject)}">${escaped(name)}</button></p>`,
  )
  .join("")}</form>
</body></html>
`;

const escaped = (value: string) =>
  value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
