import { readConfig } from "@fiberstream/runtime/config";
import { messageOf } from "@fiberstream/runtime/errors";
import type { ConfigOf, Settings } from "@fiberstream/runtime/settings";
import { Command } from "commander";
import { helpOnSettings } from "./settings-help.ts";

/**
 * Runs a deploy step as a program. `--help` shows its settings; each change is printed as a line. When the step
 * fails, the reason is printed to standard error and the exit code is 1.
 */
export async function runStep<S extends Settings>(options: {
  name: string;
  description: string;
  settings: S;
  run: (config: ConfigOf<S>, print: (line: string) => void) => Promise<void>;
}): Promise<void> {
  const { name, description, settings } = options;
  new Command(name)
    .description(description)
    .addHelpText("after", helpOnSettings(settings))
    .allowExcessArguments(false)
    .parse();
  try {
    await options.run(readConfig(settings), (line) => process.stdout.write(`${line}\n`));
  } catch (error) {
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
