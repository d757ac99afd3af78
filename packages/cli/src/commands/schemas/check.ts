import { readSchemaTree } from "@fiberstream/schemas/avro-topics";
import { checkSchemas, problemText } from "@fiberstream/schemas/evolution/check-schemas";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";
import { unreleasedText, unreleasedOf } from "@fiberstream/schemas/unreleased";
import { Command } from "commander";
import { type KnownSchemas, readKnownSchemas } from "./known-schemas.ts";
import { say } from "@fiberstream/terminal/say";

/** `fiber schemas check`: exit code 1 when a schema of the working tree would break somebody. */
export const schemasCheckCommand = (): Command =>
  new Command("check")
    .description(
      "check whether the working tree's schemas may become the next versions: say what breaks whom, and what to do instead",
    )
    .option("--offline", "compare with schemas/released only, and do not ask a registry", false)
    .action(async ({ offline }: { offline: boolean }) => {
      const tree = readSchemaTree();
      const known = await knownVersions(offline);
      const problems = checkSchemas(tree, known.versions).map(problemText);
      // A registry may lack what is released, but a checkout never lacks what it has released itself.
      if (problems.length === 0 && known.source === "released") {
        problems.push(...unreleasedOf(tree, readReleasedVersions()).map(unreleasedText));
      }
      say(`Compared with ${known.where}: ${summaryOf(known.versions)}.\n`);
      if (problems.length === 0) {
        say("Any consumer of any version can go on reading.\n");
        return;
      }
      say(`\n${problems.join("\n\n")}\n`);
      process.exitCode = 1;
    });

/** A registry that has none of the subjects yet says nothing about what others have. */
async function knownVersions(isOffline: boolean): Promise<KnownSchemas> {
  const known = await readKnownSchemas({ isOffline });
  if (known.versions.length > 0) return known;
  const released = await readKnownSchemas({ isOffline: true });
  return { ...released, where: `${released.where} (${known.where} has no schemas yet)` };
}

function summaryOf(versions: readonly { topic: string }[]): string {
  const subjects = new Set(versions.map(({ topic }) => topic)).size;
  return `${versions.length} versions of ${subjects} topics`;
}
