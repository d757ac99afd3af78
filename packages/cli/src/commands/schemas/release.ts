import { readSchemaTree } from "@fiberstream/schemas/avro-topics";
import { checkSchemas, problemText } from "@fiberstream/schemas/evolution/check-schemas";
import { releaseVersion } from "@fiberstream/schemas/release-version";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";
import { unreleasedOf } from "@fiberstream/schemas/unreleased";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber schemas release`: saves changed schemas as released versions. */
export const schemasReleaseCommand = (): Command =>
  new Command("release")
    .description(
      "save changed schemas as their next versions in schemas/released, with example records",
    )
    .requiredOption("--note <sentence>", "reason of the change, for the changelog")
    .option("--dry-run", "only show the versions that would be saved", false)
    .addHelpText("after", examples("schemas release --note 'probes report jitter'"))
    .action(async ({ note, dryRun }: { note: string; dryRun: boolean }) => {
      const tree = readSchemaTree();
      const released = readReleasedVersions();
      const problems = checkSchemas(tree, released).map(problemText);
      if (problems.length > 0) throw new Error(`nothing was released:\n\n${problems.join("\n\n")}`);

      const changed = unreleasedOf(tree, released);
      const rawVersion =
        changed.find(({ topic }) => topic === "probe.metrics.raw")?.version ??
        released.filter(({ topic }) => topic === "probe.metrics.raw").length;
      for (const { topic, schema, version } of changed) {
        say(`${topic}: version ${version}${dryRun ? " (not written)" : ""}\n`);
        if (dryRun) continue;
        await releaseVersion({
          topic,
          version,
          schema,
          note,
          date: new Date().toISOString().slice(0, 10),
          ...(topic === "probe.metrics.enriched" && { pairedWith: rawVersion }),
        });
      }
      const advice = "Run `npm run generate` and commit schemas/released with the change.";
      say(changed.length > 0 ? `${advice}\n` : "all schemas are released already\n");
    });
