import { type AvroTopic, avroTopics, readSchemaTree } from "@fiberstream/schemas/avro-topics";
import type { KnownVersion } from "@fiberstream/schemas/evolution/check-schemas";
import { describeChanges } from "@fiberstream/schemas/evolution/describe-changes";
import { Argument, Command } from "commander";
import { readKnownSchemas } from "./known-schemas.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";

type DiffOptions = {
  readonly from?: number;
  readonly to?: number;
  readonly offline: boolean;
};

/** `fiber schemas diff [topic]` */
export const schemasDiffCommand = (): Command =>
  new Command("diff")
    .description("show in words how the working tree differs from the latest known version")
    .addArgument(new Argument("[topic]", "all where it is left out").choices(avroTopics()))
    .option("--from <version>", "begin at this version", wholeNumber(1, 10_000))
    .option(
      "--to <version>",
      "end at this version, not at the working tree",
      wholeNumber(1, 10_000),
    )
    .option("--offline", "look into schemas/released only, and do not ask a registry", false)
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
  if (older === undefined) return `${topic}: has no version yet`;
  const newer = to === undefined ? ofTree : find(topic, versions, to).schema;
  const changes = describeChanges(older.schema, newer);
  const title = `${topic}: from version ${older.version} to ${to === undefined ? "the working tree" : `version ${to}`}`;
  if (changes.length === 0) return `${title}: nothing`;
  return [title, ...changes.map((change) => `  ${change.replaceAll("`", "")}`)].join("\n");
}

function find(topic: string, versions: readonly KnownVersion[], wanted: number): KnownVersion {
  const found = versions.find(({ version }) => version === wanted);
  if (found !== undefined) return found;
  const there = versions.map(({ version }) => version).join(", ") || "none";
  throw new Error(`${topic} has no version ${wanted}; there are: ${there}`);
}
