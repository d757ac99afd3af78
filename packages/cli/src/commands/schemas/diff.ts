import { type AvroTopic, avroTopics, readSchemaTree } from "@fiberstream/schemas/avro-topics";
import type { KnownVersion } from "@fiberstream/schemas/evolution/check-schemas";
import { describeChanges } from "@fiberstream/schemas/evolution/describe-changes";
import { Argument, Command } from "commander";
import { readKnownSchemas } from "./known-schemas.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

type DiffOptions = {
  readonly from?: number;
  readonly to?: number;
  readonly offline: boolean;
};

/** `fiber schemas diff [topic]` */
export const schemasDiffCommand = (): Command =>
  new Command("diff")
    .description("show how the schemas of the working tree differ from their latest known versions")
    .addArgument(new Argument("[topic]", "the topic; default: all topics").choices(avroTopics()))
    .option("--from <version>", "compare from this version", wholeNumber(1, 10_000))
    .option(
      "--to <version>",
      "compare to this version, instead of the working tree",
      wholeNumber(1, 10_000),
    )
    .option("--offline", "use schemas/released only, without a registry", false)
    .addHelpText(
      "after",
      examples("schemas diff", "schemas diff probe.metrics.raw --from 1 --to 2"),
    )
    .action(async (topic: AvroTopic | undefined, options: DiffOptions) => {
      const known = await readKnownSchemas({ isOffline: options.offline });
      const tree = readSchemaTree();
      say(`Versions of ${known.where}.\n`);
      for (const one of topic ? [topic] : avroTopics()) {
        const versions = known.versions.filter((version) => version.topic === one);
        say(`\n${diffText(one, versions, options, tree[one])}\n`);
      }
    });

function diffText(
  topic: AvroTopic,
  versions: readonly KnownVersion[],
  { from, to }: DiffOptions,
  ofTree: KnownVersion["schema"],
): string {
  const older = from === undefined ? versions.at(-1) : find(topic, versions, from);
  if (older === undefined) return `${topic}: no version yet`;
  const newer = to === undefined ? ofTree : find(topic, versions, to).schema;
  const changes = describeChanges(older.schema, newer);
  const title = `${topic}: from version ${older.version} to ${to === undefined ? "the working tree" : `version ${to}`}`;
  if (changes.length === 0) return `${title}: no difference`;
  return [title, ...changes.map((change) => `  ${change.replaceAll("`", "")}`)].join("\n");
}

function find(topic: string, versions: readonly KnownVersion[], wanted: number): KnownVersion {
  const found = versions.find(({ version }) => version === wanted);
  if (found !== undefined) return found;
  const there = versions.map(({ version }) => version).join(", ") || "none";
  throw new Error(`${topic} has no version ${wanted}. Its versions: ${there}`);
}
