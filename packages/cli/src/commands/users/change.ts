import { keepingAnAdmin } from "@fiberstream/access/grant-table";
import { createOneTimeLink, endSessions, setDisabled } from "@fiberstream/access/user-table";
import { appendEntry } from "@fiberstream/postgres/acting";
import { say } from "@fiberstream/terminal/say";
import { Command } from "commander";
import { examples } from "../../options/examples.ts";
import { changeUser } from "./change-user.ts";
import { linkText, withConsoleOption } from "./grant-options.ts";

/** `fiber users disable` */
export const usersDisableCommand = (): Command =>
  new Command("disable")
    .description("disable a user: sessions end within 30 s, and tokens and links no longer work")
    .argument("<user>", "name of a local user, or id")
    .addHelpText("after", examples("users disable ama"))
    .action((name: string) => change(name, true));

/** `fiber users enable` */
export const usersEnableCommand = (): Command =>
  new Command("enable")
    .description("let a disabled user sign in again")
    .argument("<user>", "name of a local user, or id")
    .addHelpText("after", examples("users enable ama"))
    .action((name: string) => change(name, false));

async function change(name: string, isDisabled: boolean): Promise<void> {
  const user = await changeUser({ action: "user.changed", called: name }, (client, lockUser) =>
    keepingAnAdmin(client, async () => {
      const { user_id: id } = await lockUser();
      return setDisabled(client, id, isDisabled);
    }),
  );
  say(`The user ${user.name} is ${isDisabled ? "disabled" : "enabled"}.\n`);
}

/** `fiber users reset` */
export const usersResetCommand = (): Command =>
  withConsoleOption(
    new Command("reset")
      .description("print a link that signs a local user in once, who then sets a new password")
      .argument("<user>", "name of a local user, or id")
      .addHelpText("after", examples("users reset ama")),
  ).action(async (name: string, options: { console: string }) => {
    const link = await changeUser(
      { action: "one_time_link.created", called: name },
      async (client, lockUser) => createOneTimeLink(client, await lockUser()),
    );
    say(linkText(options.console, link));
  });

/** `fiber users end-sessions` */
export const usersEndSessionsCommand = (): Command =>
  new Command("end-sessions")
    .description("sign a user out everywhere, within 30 s; personal tokens stay")
    .argument("<user>", "name of a local user, or id")
    .addHelpText("after", examples("users end-sessions ama"))
    .action(async (name: string) => {
      const action = "session.ended";
      const ended = await changeUser({ action, called: name }, async (client, lockUser) => {
        const { user_id: id } = await lockUser();
        const count = await endSessions(client, id);
        await appendEntry(client, {
          action,
          objectKind: "user",
          object: id,
          after: { ended: count },
        });
        return count;
      });
      say(`${ended} ${ended === 1 ? "session has" : "sessions have"} ended.\n`);
    });
