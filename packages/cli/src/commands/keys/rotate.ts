import { Command } from "commander";
import { durationSeconds } from "@fiberstream/terminal/durations";
import { type CreatedKey, withKeyTable } from "../../tables/key-table.ts";
import { renderCreated } from "./create.ts";
import { say } from "@fiberstream/terminal/say";

const DAY_SECONDS = 86_400;

/** `fiber keys rotate` */
export const keysRotateCommand = (): Command =>
  new Command("rotate")
    .description("create a new key that may do the same, and let the old one expire")
    .argument("<key-id>")
    .option(
      "--keep-old <duration>",
      "how long the old one is good (24h); 0 ends it now",
      durationSeconds,
    )
    .option(
      "--expires-in <duration>",
      "when the new one ends, such as 90d; else at the moment that the old one was made to end",
      durationSeconds,
    )
    .option("--json", "as JSON", false)
    .action(async (keyId: string, options: Options) => {
      const { keepOld = DAY_SECONDS, expiresIn, json } = options;
      const created = await withKeyTable(({ rotate }) =>
        rotate(keyId, { keepOldSeconds: keepOld, expiresInSeconds: expiresIn }),
      );
      say(json ? renderCreated(created, json) : renderRotated(created, expiresIn === undefined));
    });

type Options = { readonly keepOld?: number; readonly expiresIn?: number; readonly json: boolean };

/** @param isInherited whether its end is the one that the old key had */
export function renderRotated(created: CreatedKey, isInherited: boolean): string {
  const { expires_at: end } = created.row;
  const inherited = isInherited ? ", as the old one was to; --expires-in gives another end" : "";
  const words = end === null ? "It does not end by itself" : `It ends at ${end.toISOString()}`;
  return `${renderCreated(created, false)}\n${words}${inherited}.\n`;
}
