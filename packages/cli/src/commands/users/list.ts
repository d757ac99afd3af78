import { ALL, grantsOf, type GrantRow } from "@fiberstream/access/grant-table";
import { listUsers, type UserRow } from "@fiberstream/access/user-table";
import { inTransaction } from "@fiberstream/postgres/pool";
import { say } from "@fiberstream/terminal/say";
import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { examples } from "../../options/examples.ts";
import { withPool } from "../../tables/with-pool.ts";

/** A user with what is granted to them. */
export type GrantedUser = UserRow & { readonly grants: readonly GrantRow[] };

/** `fiber users list` */
export const usersListCommand = (): Command =>
  new Command("list")
    .description("list the people who may sign in, and what is granted to them")
    .option("--json", "print one JSON array", false)
    .addHelpText("after", examples("users list"))
    .action(async ({ json }: { json: boolean }) => {
      const users = await withPool((pool) =>
        inTransaction(pool, async (client) => {
          const granted: GrantedUser[] = [];
          for (const user of await listUsers(client)) {
            granted.push({ ...user, grants: await grantsOf(client, user.user_id) });
          }
          return granted;
        }),
      );
      say(json ? `${JSON.stringify(users)}\n` : `${renderUsers(users)}\n`);
    });

export const renderUsers = (users: readonly GrantedUser[]): string =>
  renderTable([
    ["USER", "ID", "SIGNS IN", "STATE", "ROLE", "TENANT", "NODES", "GRANT"],
    ...users.flatMap((user) => {
      const who = [
        user.name,
        user.user_id,
        user.kind === "local" ? "by password" : "at a provider",
        user.disabled_at === null ? "good" : `disabled ${user.disabled_at.toISOString()}`,
      ];
      if (user.grants.length === 0) return [[...who, "(none)", "", "", ""]];
      return user.grants.map((grant, index) => [
        ...(index === 0 ? who : ["", "", "", ""]),
        grant.role,
        orAll(grant.tenant),
        orAll(grant.node_pattern),
        grant.source === "local" ? grant.grant_id : "(of a group)",
      ]);
    }),
  ]);

const orAll = (text: string): string => (text === ALL ? "(all)" : text);
