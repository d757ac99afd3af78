import { fileURLToPath } from "node:url";
import { messageOf } from "@fiberstream/runtime/errors";
import { createLife } from "@fiberstream/runtime/life";
import { giveAddresses } from "@fiberstream/testkit/config";
import { startSharedParts } from "@fiberstream/testkit/shared-parts";
import { Command, InvalidArgumentError } from "commander";
import { installSchemathesis, runCommand } from "./python-environment.ts";

type Options = { readonly examples: number; readonly seed: number; readonly phases: string };

const whole = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number above 0.");
};

try {
  await new Command("fuzz:gateway")
    .usage("[options]   (npm run fuzz:gateway -- [options])")
    .description(
      "Sends requests made from the gateway's own OpenAPI document to a real gateway, and checks its answers.",
    )
    .option("--examples <number>", "requests of each kind for each operation", whole, 150)
    .option("--seed <number>", "makes the same requests again", whole, 20_261_105)
    .option("--phases <list>", "schemathesis's phases", "examples,coverage,fuzzing")
    .addHelpText(
      "after",
      "\nNeeds Python 3.10 or newer; installs schemathesis in the cache folder.\n",
    )
    .allowExcessArguments(false)
    .action(async (options: Options) => {
      process.exitCode = await fuzz(options);
    })
    .parseAsync();
} catch (error) {
  process.stderr.write(`fuzz:gateway: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

/** @returns the fuzzer's exit code */
async function fuzz({ examples, seed, phases }: Options): Promise<number> {
  const say = (step: string) => process.stderr.write(`${step}\n`);
  const schemathesis = await installSchemathesis(say);
  const life = createLife();
  try {
    say("starting the parts");
    const parts = life.own(await startSharedParts(() => undefined), (owned) => owned.stop());
    giveAddresses(JSON.stringify(parts.addresses));
    // These read the addresses as they are loaded.
    const { createTestTopics } = await import("@fiberstream/testkit/topics");
    const { startService } = await import("@fiberstream/testkit/service");
    await createTestTopics("");
    const gateway = life.own(await startService("ingest-gateway", {}), (owned) => owned.stop());
    const code = await runCommand(
      schemathesis,
      [
        "run",
        `${gateway.url}/openapi.json`,
        "--checks=all",
        `--phases=${phases}`,
        `--max-examples=${examples}`,
        `--seed=${seed}`,
        // With two threads CPython's own parser, which the fuzzer describes its strategies with, fails now and
        // then: "SystemError: AST constructor recursion depth mismatch".
        "--workers=1",
        "--no-color",
      ],
      { folder: fileURLToPath(new URL(".", import.meta.url)) },
    );
    if (gateway.logs().includes("a request failed by our fault")) {
      process.stderr.write(`the gateway has failed:\n${gateway.logs()}\n`);
      return 1;
    }
    return code;
  } finally {
    await life.stop();
  }
}
