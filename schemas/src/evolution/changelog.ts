import { type AvroTopic, schemaNameOf } from "../avro-topics.ts";
import type { ReleasedVersion } from "../released-versions.ts";
import { describeChanges } from "./describe-changes.ts";

/** Renders schemas/CHANGELOG.md: every released version of every topic's schema, newest first. */
export function renderSchemaChangelog(released: readonly ReleasedVersion[]): string {
  const topics = [...new Set(released.map(({ topic }) => topic))];
  return [
    INTRODUCTION,
    ...topics.flatMap((topic) =>
      topicSection(
        topic,
        released.filter((one) => one.topic === topic),
      ),
    ),
  ].join("\n\n");
}

const topicSection = (topic: AvroTopic, versions: readonly ReleasedVersion[]): string[] => [
  `## ${topic}`,
  `\`${schemaNameOf(topic)}\`, subject \`${topic}-value\`.`,
  ...historyOf(versions).flatMap(versionSection),
];

export type HistoryEntry = Pick<ReleasedVersion, "version" | "date" | "note" | "pairedWith"> & {
  /** Lines of Markdown. */
  readonly changes: readonly string[];
};

/** @param versions of one topic, oldest first @returns newest first */
export function historyOf(versions: readonly ReleasedVersion[]): HistoryEntry[] {
  return versions
    .map((released, index) => {
      const earlier = versions[index - 1];
      const changes = earlier
        ? describeChanges(earlier.schema, released.schema)
        : [`the first version, with ${released.schema.fields.length} fields`];
      const { version, date, note, pairedWith } = released;
      return { version, date, note, changes, ...(pairedWith !== undefined && { pairedWith }) };
    })
    .toReversed();
}

function versionSection({ version, date, note, pairedWith, changes }: HistoryEntry): string[] {
  const pair =
    pairedWith === undefined
      ? ""
      : ` Its records begin with those of version ${pairedWith} of probe.metrics.raw.`;
  return [
    `### Version ${version}, ${date}`,
    `${note}${pair}`,
    changes.map((change) => `- ${change}`).join("\n"),
  ];
}

const INTRODUCTION = `# Changelog of the schemas

Generated from \`schemas/released\` by \`npm run generate\`; do not edit. Records of every version can be read with every
other version of the subject (FULL_TRANSITIVE), so consumers need a new version only if they want its fields.`;
