import { messageOf } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { Command } from "commander";
import { createProgress, type Progress } from "./progress.ts";

/** What a benchmark works with: what it owns is released when it ends, also by Ctrl-C. */
export type BenchContext = { readonly life: Life; readonly progress: Progress };

/** A command with `--help`, named as its npm script. @param text.help what it does in sentences, and examples */
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

/** Runs a command to its end; what it throws is said on standard error, and the exit code is 1. */
export async function runCommand(command: Command): Promise<void> {
  try {
    await command.parseAsync();
  } catch (error) {
    process.stderr.write(`${command.name()}: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** Measures, releases everything, and gives what was measured. */
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

/** One of several measurements after each other: what it owns is released before the next one. */
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
