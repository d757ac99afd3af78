import { say } from "@fiberstream/terminal/say";
import { Command } from "commander";
import { forgetActor } from "../../tables/audit-table.ts";
import { changeAsOperator } from "../../tables/with-pool.ts";

/** `fiber audit forget` */
export const auditForgetCommand = (): Command =>
  new Command("forget")
    .description("erase the name of a person who acted; the entries stay, and have an id only")
    .argument("<kind>", "kind of the actor, such as operator or user")
    .argument("<actor-id>", "id of the actor, as fiber audit list --json shows it")
    .addHelpText("after", HELP)
    .action(async (kind: string, id: string) => {
      const object = `${kind} ${id}`;
      const attempt = { action: "actor.erased", objectKind: "actor", object };
      const isDone = await changeAsOperator(attempt, (client) => forgetActor(client, { kind, id }));
      if (!isDone) throw new Error(`no name is known of the actor ${object}`);
      say(`The name of ${object} is erased.\n`);
    });

const HELP = `
Needs the owner of the database. The hashes of the log hold, because names are not in it.

Example:
  npm run fiber -- audit forget operator operator-7f972a3a94fc
`;
