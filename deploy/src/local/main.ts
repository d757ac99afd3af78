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

const program = new Command("npm run").description("Run the whole platform on this machine");

program
  .command("start")
  .usage("-- [options]")
  .description("Start everything and keep it running until Ctrl-C")
  .option("--detach", "return when it is ready; it keeps running in the background")
  .option("--trace", "trace every request and show how it went through the services", false)
  .addHelpText("after", helpOnSettings(localSettings()))
  .action((options: { detach?: true; trace: boolean }) =>
    run((config) => (options.detach ? startDetached : start)(config, options)),
  );
program
  .command("stop")
  .description("Stop everything and wait until it is gone")
  .action(() => run(stop));
program
  .command("status")
  .description("Show what runs and how it is")
  .action(() => run(status));
program
  .command("logs")
  .usage("-- [name] [options]")
  .description("Show the last log lines, of all services or of one service or backing service")
  .addArgument(new Argument("[name]", "whose log").choices(LOG_NAMES))
  .option("-f, --follow", "keep printing new lines until Ctrl-C", false)
  .option("-n, --lines <count>", "how many lines of each log", wholeNumber(0, 1e6), 50)
  .action((name: string | undefined, options: { follow: boolean; lines: number }) =>
    run((config) => logs(config, { ...options, ...(name !== undefined && { name }) })),
  );
program
  .command("reset")
  .usage("-- [options]")
  .description("Delete all data: topics, schemas, rows")
  .option("--yes", "do not ask", false)
  .action((options: { yes: boolean }) => run((config) => reset(config, options)));

// A terminal that is gone takes no more words; stopping in order goes on without it.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
await program.parseAsync();

/** Runs a command to its end; its number is the exit code. */
async function run(command: (config: LocalConfig) => Promise<number | void>): Promise<void> {
  let code: number;
  try {
    code = (await command(readLocalConfig())) ?? 0;
  } catch (error) {
    if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
    else sayFailure(messageOf(error));
    code = 1;
  }
  // Not left to an empty event loop: clients of what has just been stopped may still hold timers.
  process.exit(code);
}
