import { messageOf } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { Command } from "commander";
import { createProgress, type Progress } from "./progress.ts";

/** The context of a benchmark. What `life` owns is released when it ends, also by Ctrl-C. */
export type BenchContext = { readonly life: Life; readonly progress: Progress };

/**
 * Creates a command with the name of its npm script.
 * @param text.help explanation and examples for `--help`
 */
export function createBenchCommand(text: {
  name: string;
  description: string;
  help: string;
}): Command {
  const { name, description, help } = text;
  return new Command(name)
    .usage(`[options]   (npm run ${name} -- [options])`)
    .description(description)
    .addHelpText("after", help)
    .allowExcessArguments(false)
    .showHelpAfterError("(see --help)");
}

/** Runs a command. If it throws, the message is printed to standard error, and the exit code is 1. */
export async function runCommand(command: Command): Promise<void> {
  try {
    await command.parseAsync();
  } catch (error) {
    process.stderr.write(`${command.name()}: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** Runs a measurement, releases everything, and returns its result. */
export async function withBenchContext<Figures>(
  measure: (context: BenchContext) => Promise<Figures>,
): Promise<Figures> {
  const life = createLife();
  const progress = life.own(createProgress(), (owned) => owned.end());
  const onSignal = () => void life.stop().finally(() => process.exit(130));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    return await measure({ life, progress });
  } finally {
    await life.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** Runs one of several consecutive measurements, and releases what it owns before the next one. */
export async function inTurn<Figures>(
  context: BenchContext,
  measure: (context: BenchContext) => Promise<Figures>,
): Promise<Figures> {
  const life = context.life.own(createLife(), (owned) => owned.stop());
  try {
    return await measure({ ...context, life });
  } finally {
    await life.stop();
  }
}
