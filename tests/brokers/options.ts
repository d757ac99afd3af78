import { Command, InvalidArgumentError } from "commander";

/** From the oldest supported version to the newest one, including that of `npm start`. */
const versionsBesides = (ownVersion: string) => ["3.7.2", "3.9.1", ownVersion, "4.4.0"];

/**
 * Creates the command.
 * @param run is called with the versions and the selected tests
 */
export function createCommand({
  ownVersion,
  run,
}: {
  ownVersion: string;
  run: (versions: readonly string[], tests: readonly string[]) => Promise<void>;
}): Command {
  return new Command("test:brokers")
    .usage("[options] [tests...]   (npm run test:brokers -- --kafka 3.7.2)")
    .description(
      "Run the tests of delivery (everything that talks to Kafka, and services that are killed under load) on each version of Kafka in turn.",
    )
    .argument("[tests...]", "patterns of other tests to run, as for npm test")
    .option("--kafka <versions>", "separated by commas", versions, versionsBesides(ownVersion))
    .addHelpText("after", HELP)
    .showHelpAfterError("(see --help)")
    .action(async (tests: string[], { kafka }: { kafka: readonly string[] }) => run(kafka, tests));
}

const HELP = `
A version is downloaded at its first use: with Maven into the user's cache, or as an image if a Docker engine answers.
The exit code is 1 if a test failed on one of them. One version takes several minutes.

Example:
  npm run test:brokers -- --kafka 3.7.2,4.4.0

To run any test on one version: TEST_KAFKA_VERSION=3.9.1 npm test -- packages/kafka`;

function versions(text: string): readonly string[] {
  const list = text.split(",").map((one) => one.trim());
  if (list.every((one) => /^\d+\.\d+\.\d+$/.test(one))) return list;
  throw new InvalidArgumentError("It must be versions such as 3.7.2,4.1.1.");
}
