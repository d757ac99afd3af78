import { addGrant, keepingAnAdmin, findGrant, removeGrant } from "@fiberstream/access/grant-table";
import { say } from "@fiberstream/terminal/say";
import { Command } from "commander";
import { examples } from "../../options/examples.ts";
import { changeAsOperator } from "../../tables/with-pool.ts";
import { changeUser } from "./change-user.ts";
import { type GrantOptions, withGrantOptions } from "./grant-options.ts";

/** `fiber users grant` */
export const usersGrantCommand = (): Command =>
  withGrantOptions(
    new Command("grant")
      .description("grant a role to a user, in a tenant or all; takes effect within 30 s")
      .argument("<user>", "name of a local user, or id")
      .addHelpText("after", examples("users grant ama --role viewer --tenant acme")),
    { isRequired: true },
  ).action(async (name: string, { role, tenant, nodes }: GrantOptions) => {
    if (role === undefined) throw new Error("a grant needs a --role");
    const grant = await changeUser(
      { action: "grant.created", called: name },
      async (client, lockUser) => {
        const { user_id } = await lockUser();
        return addGrant(client, { user_id, role, tenant, node_pattern: nodes });
      },
    );
    say(`Grant ${grant.grant_id}: ${name} is ${role}.\n`);
  });

/** `fiber users revoke-grant` */
export const usersRevokeGrantCommand = (): Command =>
  new Command("revoke-grant")
    .description("take a grant away; takes effect within 30 s")
    .argument("<grant-id>", "as fiber users list shows it")
    .addHelpText("after", examples("users revoke-grant <grant-id>"))
    .action(async (grantId: string) => {
      const attempt = { action: "grant.deleted", objectKind: "grant", object: grantId };
      const grant = await changeAsOperator(attempt, (client) =>
        keepingAnAdmin(client, async () => {
          const found = await findGrant(client, grantId);
          await removeGrant(client, found);
          return found;
        }),
      );
      say(`The grant ${grant.grant_id} (${grant.role}) is taken away.\n`);
    });
