import { ConfigError } from "@fiberstream/runtime/settings";
import { messageOf } from "@fiberstream/runtime/errors";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { Argument, Command } from "commander";
import { helpOnSettings } from "../steps/settings-help.ts";
import { type LocalConfig, localSettings, readLocalConfig } from "./config.ts";
import { startDetached } from "./commands/detach.ts";
import { LOG_NAMES, logs } from "./commands/logs.ts";
import { sayFailure } from "./output.ts";
import { reset } from "./commands/reset.ts";
import { start } from "./commands/start.ts";
import { status } from "./commands/status.ts";
import { stop } from "./commands/stop.ts";

const program = new Command("npm run").description("Run all of FiberStream on this machine");

program
  .command("start")
  .usage("-- [options]")
  .description("Start everything and keep it running until Ctrl-C")
  .option("--detach", "return when everything is ready, and keep it running in the background")
  .option("--trace", "trace every request and print its spans", false)
  .option("--sso", "start an identity provider too, and let people sign in with it", false)
  .addHelpText("after", helpOnSettings(localSettings()))
  .action((options: { detach?: true; trace: boolean; sso: boolean }) =>
    run((config) => (options.detach ? startDetached : start)(config, options)),
  );
program
  .command("stop")
  .description("Stop everything and wait until all processes have ended")
  .action(() => run(stop));
program
  .command("status")
  .description("Show all processes and whether they are ready")
  .action(() => run(status));
program
  .command("logs")
  .usage("-- [name] [options]")
  .description("Show the last log lines of all services, or of one service or backing service")
  .addArgument(new Argument("[name]", "the service or backing service").choices(LOG_NAMES))
  .option("-f, --follow", "keep printing new lines until Ctrl-C", false)
  .option("-n, --lines <count>", "number of lines of each log", wholeNumber(0, 1e6), 50)
  .action((name: string | undefined, options: { follow: boolean; lines: number }) =>
    run((config) => logs(config, { ...options, ...(name !== undefined && { name }) })),
  );
program
  .command("reset")
  .usage("-- [options]")
  .description("Delete all data: topics, schemas and rows")
  .option("--yes", "do not ask for confirmation", false)
  .action((options: { yes: boolean }) => run((config) => reset(config, options)));

// If the terminal is closed, writing to it fails; stopping in order continues without output.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
await program.parseAsync();

/** Runs a command and exits with its result, or with 1 if it fails. */
async function run(command: (config: LocalConfig) => Promise<number | void>): Promise<void> {
  let code: number;
  try {
    code = (await command(readLocalConfig())) ?? 0;
  } catch (error) {
    if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
    else sayFailure(messageOf(error));
    code = 1;
  }
  // Exits explicitly: clients of backing services that were just stopped may still have timers.
  process.exit(code);
}
