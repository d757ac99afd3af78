import { readAvroSchema, SCHEMA_NAMES } from "./avro-schema.ts";
import { renderAsyncApi } from "./catalogue/asyncapi.ts";
import { readCatalogue } from "./catalogue/catalogue.ts";
import { renderCatalogueIndex } from "./catalogue/index-page.ts";
import { renderCatalogueSite } from "./catalogue/site.ts";
import { renderTopicPage } from "./catalogue/topic-page.ts";
import { renderSchemaChangelog } from "./evolution/changelog.ts";
import { withGeneratedPart } from "./generated-part.ts";
import { readReleasedVersions } from "./released-versions.ts";
import { renderEventTable, renderEventType } from "./render-event.ts";
import { renderTypes } from "./render-types.ts";
import { writeGenerated } from "./write-generated.ts";

// `npm run generate` writes the files that are generated from schemas and topics; with --check it only lists outdated ones.
const released = readReleasedVersions();
const catalogue = readCatalogue(released);
const raw = readAvroSchema("ProbeMetric");

await writeGenerated({
  "schemas/src/generated/records.ts": [
    renderTypes(SCHEMA_NAMES.map(readAvroSchema)),
    renderEventType(raw),
  ].join("\n"),
  "docs/http.md": withGeneratedPart("docs/http.md", "fields of an event", renderEventTable(raw)),
  "schemas/CHANGELOG.md": renderSchemaChangelog(released),
  "schemas/catalogue/asyncapi.json": JSON.stringify(renderAsyncApi(catalogue)),
  "schemas/catalogue/topics.html": renderCatalogueSite(catalogue),
  "docs/topics/README.md": renderCatalogueIndex(catalogue),
  ...Object.fromEntries(
    catalogue.map((topic) => [`docs/topics/${topic.name}.md`, renderTopicPage(topic)]),
  ),
});
