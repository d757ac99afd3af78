import { type CreatedKey, rotateKey } from "@fiberstream/access/key-table";
import { Command } from "commander";
import { durationSeconds } from "@fiberstream/terminal/durations";
import { changeAsOperator } from "../../tables/with-pool.ts";
import { renderCreated } from "./create.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

const DAY_SECONDS = 86_400;

/** `fiber keys rotate` */
export const keysRotateCommand = (): Command =>
  new Command("rotate")
    .description("create a new key with the same permissions, and let the old one expire")
    .argument("<key-id>")
    .option(
      "--keep-old <duration>",
      "how long the old key stays valid; default: 24h; 0: not at all",
      durationSeconds,
    )
    .option(
      "--expires-in <duration>",
      "let the new key expire, e.g. after 90d; default: when the old key would have expired",
      durationSeconds,
    )
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("keys rotate <key-id> --keep-old 48h"))
    .action(async (keyId: string, options: Options) => {
      const { keepOld = DAY_SECONDS, expiresIn, json } = options;
      const attempt = { action: "key.rotated", objectKind: "key", object: keyId };
      const created = await changeAsOperator(attempt, (client) =>
        rotateKey(client, keyId, { keepOldSeconds: keepOld, expiresInSeconds: expiresIn }),
      );
      say(json ? renderCreated(created, json) : renderRotated(created, expiresIn === undefined));
    });

type Options = { readonly keepOld?: number; readonly expiresIn?: number; readonly json: boolean };

/** @param isInherited whether the new key expires when the old one would have */
export function renderRotated(created: CreatedKey, isInherited: boolean): string {
  const { expires_at: end } = created.row;
  const inherited = isInherited ? ", like the old key; set another time with --expires-in" : "";
  const expiry = end === null ? "It does not expire" : `It expires at ${end.toISOString()}`;
  return `${renderCreated(created, false)}\n${expiry}${inherited}.\n`;
}
