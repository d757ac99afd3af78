import { readSchemaTree } from "@fiberstream/schemas/avro-topics";
import { checkSchemas, problemText } from "@fiberstream/schemas/evolution/check-schemas";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";
import { unreleasedText, unreleasedOf } from "@fiberstream/schemas/unreleased";
import { Command } from "commander";
import { type KnownSchemas, readKnownSchemas } from "./known-schemas.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber schemas check`: the exit code is 1 if a schema of the working tree would break a reader. */
export const schemasCheckCommand = (): Command =>
  new Command("check")
    .description(
      "check whether the schemas of the working tree may become the next versions; report which readers a change breaks, and what to do instead",
    )
    .option("--offline", "compare with schemas/released only, without a registry", false)
    .addHelpText("after", examples("schemas check", "schemas check --offline"))
    .action(async ({ offline }: { offline: boolean }) => {
      const tree = readSchemaTree();
      const known = await knownVersions(offline);
      const problems = checkSchemas(tree, known.versions).map(problemText);
      // A registry may lack released versions. A checkout always has the versions that it released itself.
      if (problems.length === 0 && known.source === "released") {
        problems.push(...unreleasedOf(tree, readReleasedVersions()).map(unreleasedText));
      }
      say(`Compared with ${known.where}: ${summaryOf(known.versions)}.\n`);
      if (problems.length === 0) {
        say("All consumers, of any version, can still read.\n");
        return;
      }
      say(`\n${problems.join("\n\n")}\n`);
      process.exitCode = 1;
    });

/** Returns the released versions if the registry has none of the subjects yet. */
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
