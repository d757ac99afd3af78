import { addGrant } from "@fiberstream/access/grant-table";
import { createOneTimeLink, createUser, USER_NAME } from "@fiberstream/access/user-table";
import { say } from "@fiberstream/terminal/say";
import { Command, InvalidArgumentError } from "commander";
import { examples } from "../../options/examples.ts";
import { changeAsOperator } from "../../tables/with-pool.ts";
import {
  type GrantOptions,
  linkText,
  withConsoleOption,
  withGrantOptions,
} from "./grant-options.ts";

type Options = GrantOptions & { readonly console: string; readonly json: boolean };

/** `fiber users create`: a password is never on a command line, where others of the machine could read it. */
export const usersCreateCommand = (): Command =>
  withConsoleOption(
    withGrantOptions(
      new Command("create")
        .description(
          "create a local user, and print a link that signs them in once; they set a password then",
        )
        .argument("<name>", "what they sign in with", userName)
        .option("--json", "print JSON", false)
        .addHelpText(
          "after",
          examples(
            "users create ama --role admin",
            "users create kofi --role operator --tenant acme --nodes 'acme-accra-*'",
          ),
        ),
      { isRequired: false },
    ),
  ).action(async (name: string, options: Options) => {
    const { role, tenant, nodes, console: address, json } = options;
    const attempt = { action: "user.created", objectKind: "user", object: "(new)" };
    const { user, link } = await changeAsOperator(attempt, async (client) => {
      const created = await createUser(client, name);
      if (role !== undefined) {
        await addGrant(client, { user_id: created.user_id, role, tenant, node_pattern: nodes });
      }
      return { user: created, link: await createOneTimeLink(client, created) };
    });
    const granted = role === undefined ? "Nothing is granted to them yet.\n" : "";
    say(
      json
        ? `${JSON.stringify({ ...user, link: `${address}/sign-in/link?code=${link.token}`, link_expires_at: link.expiresAt })}\n`
        : `User ${user.name} (${user.user_id}) is created. ${granted}${linkText(address, link)}`,
    );
  });

/**
 * Parses the name of a user, by the database's rule.
 * @throws {InvalidArgumentError}
 */
function userName(text: string): string {
  if (USER_NAME.test(text)) return text;
  throw new InvalidArgumentError("It must be 1 to 100 letters, digits and ._@+-.");
}
