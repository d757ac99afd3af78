import type { CatalogueTopic } from "./catalogue.ts";
import { code, markdownTable } from "./markdown.ts";
import { retentionText, keyText, READING, valueText } from "./topic-words.ts";

/** docs/topics/README.md */
export function renderCatalogueIndex(topics: readonly CatalogueTopic[]): string {
  return [
    "# Topics",
    `Generated from \`schemas/\` by \`npm run generate\`; do not edit. With search in a browser: \`/docs/topics\` of a running
gateway, or the file [topics.html](../../schemas/catalogue/topics.html). For programs:
[asyncapi.json](../../schemas/catalogue/asyncapi.json) (AsyncAPI 3).`,
    markdownTable(
      ["topic", "contents", "key", "value", "retention"],
      topics.map((entry) => [
        `[${entry.name}](${entry.name}.md)`,
        entry.topic.meaning,
        keyText(entry.topic),
        valueText(entry),
        retentionText(entry.topic),
      ]),
    ),
    "## Reading a topic",
    READING.map((sentence) => `- ${sentence}`).join("\n"),
    "## Changes",
    `Versions and their changes are listed in [the changelog of the schemas](../../schemas/CHANGELOG.md). \`npm run fiber
-- schemas diff\` lists the next changes, \`npm run fiber -- schemas check\` those that would break consumers. A change that breaks a
consumer fails the tests and is rejected by the registry.`,
    `${code("npm run fiber -- topics list")} shows the same beside a cluster.`,
  ].join("\n\n");
}
