import { Command } from "commander";
import { durationSeconds } from "../duration-seconds.ts";
import { renderCreated } from "./keys-create.ts";
import type { WithKeyTable } from "./keys.ts";

const DAY_SECONDS = 86_400;

/** `fiber keys rotate` */
export const keysRotateCommand = (withKeyTable: WithKeyTable): Command =>
  new Command("rotate")
    .description("makes a new key that may do the same, and lets the old one expire")
    .argument("<key-id>")
    .option(
      "--keep-old <duration>",
      "how long the old one is good (24h); 0 ends it now",
      durationSeconds,
    )
    .option("--json", "as JSON", false)
    .action(async (keyId: string, options: { keepOld?: number; json: boolean }) => {
      const { keepOld = DAY_SECONDS, json } = options;
      const created = await withKeyTable(({ rotate }) => rotate(keyId, keepOld));
      process.stdout.write(renderCreated(created, json));
    });
