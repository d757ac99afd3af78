import { readSchemaTree } from "@fiberstream/schemas/avro-topics";
import { checkSchemas, problemText } from "@fiberstream/schemas/evolution/check-schemas";
import { releaseVersion } from "@fiberstream/schemas/release-version";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";
import { unreleasedOf } from "@fiberstream/schemas/unreleased";
import { Command } from "commander";
import { say } from "@fiberstream/terminal/say";

/** `fiber schemas release`: freezes what changed. */
export const schemasReleaseCommand = (): Command =>
  new Command("release")
    .description("freeze changed schemas as their next versions in schemas/released, with records")
    .requiredOption("--note <sentence>", "what the change is for, for the changelog")
    .option("--dry-run", "only say which versions there would be", false)
    .action(async ({ note, dryRun }: { note: string; dryRun: boolean }) => {
      const tree = readSchemaTree();
      const released = readReleasedVersions();
      const problems = checkSchemas(tree, released).map(problemText);
      if (problems.length > 0) throw new Error(`nothing is released:\n\n${problems.join("\n\n")}`);

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
      say(changed.length > 0 ? `${advice}\n` : "every schema is released already\n");
    });
