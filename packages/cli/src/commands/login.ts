import { say, sayAside } from "@fiberstream/terminal/say";
import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { z } from "zod";
import { credentialsPath } from "../login/config.ts";
import { consoleAt, NotSignedInError } from "../login/console-calls.ts";
import {
  type Credentials,
  deleteCredentials,
  readCredentials,
  writeCredentials,
} from "../login/credentials-file.ts";
import { logIn } from "../login/log-in.ts";
import { examples } from "../options/examples.ts";

const LOCAL_CONSOLE = "http://localhost:4000";

/** `fiber login`: signs a person in at a console, with a browser. */
export const loginCommand = (): Command =>
  new Command("login")
    .description(
      "sign in at a console with your browser; keeps a token in a file that only you can read",
    )
    .option("--console <url>", "address of the console", LOCAL_CONSOLE)
    .option(
      "--paste",
      "show a code in the browser to paste here, for a browser on another machine",
      false,
    )
    .addHelpText("after", examples("login --console https://console.example.net"))
    .action(async (options: { console: string; paste: boolean }) => {
      const credentials = await logIn({
        console: options.console,
        isPasted: options.paste,
        say: sayAside,
      });
      writeCredentials(credentialsPath(), credentials);
      const { name } = await whoIs(credentials);
      say(
        `You are signed in at ${credentials.console} as ${name}, until ${credentials.expiresAt}.\n` +
          `The token is in ${credentialsPath()}.\n`,
      );
    });

/** `fiber logout`: revokes the token and deletes its file. */
export const logoutCommand = (): Command =>
  new Command("logout")
    .description("revoke the token of fiber login, and delete its file")
    .addHelpText("after", examples("logout"))
    .action(async () => {
      const credentials = readCredentials(credentialsPath());
      if (credentials === undefined) {
        say("You are not signed in.\n");
        return;
      }
      const { console, token, tokenId, expiresAt } = credentials;
      deleteCredentials(credentialsPath());
      try {
        await consoleAt(console, token).remove(`/api/v1/auth/tokens/${tokenId}`);
        say(`You are signed out of ${console}.\n`);
      } catch (error) {
        if (!(error instanceof NotSignedInError)) {
          sayAside(`The token ${tokenId} is deleted here, but works until ${expiresAt}.\n`);
          throw error;
        }
        say(`The token was not valid any more. You are signed out of ${console}.\n`);
      }
    });

/** `fiber whoami`: whose token it is, and what it may do. */
export const whoamiCommand = (): Command =>
  new Command("whoami")
    .description("show who is signed in with fiber login, and what they may do")
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("whoami"))
    .action(async ({ json }: { json: boolean }) => {
      const credentials = readCredentials(credentialsPath());
      if (credentials === undefined) throw new Error("you are not signed in: run fiber login");
      const person = await whoIs(credentials);
      if (json) {
        say(`${JSON.stringify({ console: credentials.console, ...person })}\n`);
        return;
      }
      say(
        `${person.name} at ${credentials.console}, until ${credentials.expiresAt}\n` +
          `${renderTable([
            ["ROLE", "TENANT", "NODES"],
            ...person.grants.map(({ role, tenant, nodes }) => [
              role,
              tenant ?? "(all)",
              nodes ?? "(all)",
            ]),
          ])}\n`,
      );
    });

const ME = z.object({
  data: z.object({
    name: z.string(),
    grants: z.array(
      z.object({ role: z.string(), tenant: z.string().nullable(), nodes: z.string().nullable() }),
    ),
  }),
});

async function whoIs({ console, token }: Credentials) {
  try {
    return (await consoleAt(console, token).get("/api/v1/auth/me", ME)).data;
  } catch (error) {
    if (!(error instanceof NotSignedInError)) throw error;
    throw new Error(`your token is not valid any more (${error.message}): run fiber login`, {
      cause: error,
    });
  }
}
