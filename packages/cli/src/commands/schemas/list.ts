import { renderTable } from "@fiberstream/terminal/table";
import { avroTopics, readSchemaTree, schemaNameOf } from "@fiberstream/schemas/avro-topics";
import { readReleasedVersions } from "@fiberstream/schemas/released-versions";
import { unreleasedOf } from "@fiberstream/schemas/unreleased";
import { Command } from "commander";
import { type KnownSchemas, readKnownSchemas } from "./known-schemas.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber schemas list` */
export const schemasListCommand = (): Command =>
  new Command("list")
    .description(
      "list the schema of each topic, its released versions and its versions in the registry",
    )
    .option("--offline", "do not query a registry", false)
    .option("--json", "print JSON", false)
    .addHelpText("after", examples("schemas list"))
    .action(async ({ offline, json }: { offline: boolean; json: boolean }) => {
      const rows = listSchemas(await readKnownSchemas({ isOffline: offline }));
      say(json ? `${JSON.stringify(rows, undefined, 2)}\n` : tableOf(rows));
    });

type Row = {
  readonly topic: string;
  readonly record: string;
  readonly fields: number;
  readonly releasedVersions: readonly number[];
  readonly isWorkingTreeReleased: boolean;
  /** Null if no registry was queried. */
  readonly registered: readonly { readonly version: number; readonly id: number | null }[] | null;
};

function listSchemas({ source, versions }: KnownSchemas): Row[] {
  const tree = readSchemaTree();
  const released = readReleasedVersions();
  const unreleased = new Set(unreleasedOf(tree, released).map(({ topic }) => topic));
  return avroTopics().map((topic) => {
    const known = versions.filter((one) => one.topic === topic);
    return {
      topic,
      record: schemaNameOf(topic),
      fields: tree[topic].fields.length,
      releasedVersions: released.filter((one) => one.topic === topic).map(({ version }) => version),
      isWorkingTreeReleased: !unreleased.has(topic),
      registered:
        source === "registry" ? known.map(({ version, id = null }) => ({ version, id })) : null,
    };
  });
}

function tableOf(rows: readonly Row[]): string {
  const head = ["TOPIC", "RECORD", "FIELDS", "RELEASED", "WORKING TREE", "REGISTRY (version:id)"];
  const lines = rows.map((row) => [
    row.topic,
    row.record,
    String(row.fields),
    row.releasedVersions.join(" "),
    row.isWorkingTreeReleased ? `is version ${row.releasedVersions.at(-1)}` : "has changes",
    row.registered?.map(({ version, id }) => `${version}:${id}`).join(" ") ?? "not queried",
  ]);
  return `${renderTable([head, ...lines])}\n`;
}
