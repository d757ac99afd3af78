import type { Topic } from "../topics.ts";
import type { CatalogueField, CatalogueRecord, CatalogueTopic } from "./catalogue.ts";
import { breakable, html, markdownInline } from "./html.ts";
import {
  hexLines,
  retentionText,
  keyText,
  SAMPLE_TITLES,
  sizeText,
  valueText,
} from "./topic-words.ts";

/** Renders one topic of the page. */
export function renderTopicSection(entry: CatalogueTopic): string {
  const { name, topic, record } = entry;
  const { meaning, headers } = topic;
  return `<section class="topic" id="${name}" aria-labelledby="${name}-title">
<header>
<h2 class="mono" id="${name}-title"><a href="#${name}">${breakable(name)}</a></h2>
<p class="purpose">${html(meaning)}</p>
</header>
${renderFacts(entry)}
${renderPromise(entry)}
${record ? renderFields(name, record) : ""}
${Object.keys(headers).length > 0 ? renderHeaders(name, headers) : ""}
${record ? renderSamples(record) + renderHistory(record) : ""}
</section>`;
}

function renderFacts(entry: CatalogueTopic): string {
  const { topic, record } = entry;
  const { owner, reliedOnBy, partitions } = topic;
  const facts: [string, string][] = [
    ["Owner", html(owner)],
    ["For", html(reliedOnBy.join(", "))],
    ["Key", html(keyText(topic))],
    ["Value", breakable(valueText(entry))],
    ["Retention", html(retentionText(topic))],
    ["Partitions", String(partitions)],
  ];
  if (record) {
    facts.push(["Subject", `<code>${breakable(record.subject)}</code>`]);
    facts.push(["Version", String(record.history[0]?.version)]);
  }
  const cells = facts.map(([term, fact]) => `<div><dt>${term}</dt><dd>${fact}</dd></div>`);
  return `<dl class="facts">${cells.join("")}</dl>`;
}

function renderPromise(entry: CatalogueTopic): string {
  const { ordering, delivery, volume } = entry.topic;
  const size = sizeText(entry);
  const promises = {
    Order: ordering,
    Delivery: delivery,
    Volume: size === undefined ? volume : `${volume} ${size}`,
  };
  const rows = Object.entries(promises).map(
    ([term, text]) => `<div><dt>${term}</dt><dd>${html(text)}</dd></div>`,
  );
  return `<dl class="promise">${rows.join("")}</dl>`;
}

function renderFields(topic: string, { name, doc, fields }: CatalogueRecord): string {
  return `<div class="group"><h3>${html(name)} <small>${fields.length} fields</small></h3>
<p class="doc">${html(doc)}</p>
<ul class="fields">
${fields.map((field) => renderField(topic, field)).join("\n")}
</ul></div>`;
}

function renderField(topic: string, field: CatalogueField): string {
  const { name, type, unit, range, meaning, symbols, example, fallback, since } = field;
  const more = [
    ...(range === undefined ? [] : [`Range: ${html(range)}`]),
    `Example: <code>${html(example)}</code>`,
    ...(fallback === undefined ? [] : [`Default: <code>${html(fallback)}</code>`]),
    since === undefined ? "In the next version" : `Since version ${since}`,
  ];
  const values = symbols.map(
    ({ symbol, meaning: of }) => `<li><code>${html(symbol)}</code> ${html(of)}</li>`,
  );
  return `<li class="field" id="${topic}/${name}">
<div><div class="name mono"><a href="#${topic}/${name}">${breakable(name)}</a></div>
<div class="type">${html(type)}${unit === undefined ? "" : `<br>${html(unit)}`}</div></div>
<div><p>${html(meaning)}</p>${values.length > 0 ? `<ul class="symbols">${values.join("")}</ul>` : ""}
<ul class="more">${more.map((item) => `<li>${item}</li>`).join("")}</ul></div>
</li>`;
}

function renderHeaders(topic: string, headers: Topic["headers"]): string {
  const rows = Object.entries(headers).map(
    ([name, meaning]) => `<li class="field" id="${topic}/${name}">
<div class="name mono"><a href="#${topic}/${name}">${breakable(name)}</a></div>
<p>${html(meaning)}</p>
</li>`,
  );
  return `<div class="group"><h3>Headers <small>UTF-8 text</small></h3>
<ul class="fields">
${rows.join("\n")}
</ul></div>`;
}

function renderSamples({ samples }: CatalogueRecord): string {
  const parts = samples.map(
    ({ name, value, bytes }) => `<p>${html(SAMPLE_TITLES[name] ?? name)}:</p>
<pre tabindex="0"><code>${html(JSON.stringify(value, undefined, 2))}</code></pre>
<p>Its ${bytes.length} bytes of Avro, after the magic byte and the schema id:</p>
<pre tabindex="0"><code>${hexLines(bytes)}</code></pre>`,
  );
  return `<details><summary>Sample records <small>decoded and as bytes</small></summary><div>
${parts.join("\n")}
</div></details>`;
}

function renderHistory({ history }: CatalogueRecord): string {
  const entries = history.map(({ version, date, note, pairedWith, changes }) => {
    const pair =
      pairedWith === undefined
        ? ""
        : ` Begins with the bytes of version ${pairedWith} of probe.metrics.raw.`;
    const lines = changes.map((change) => `<li>${markdownInline(change)}</li>`).join("");
    return `<li><strong>Version ${version}</strong>, ${date}. ${html(note)}${pair}<ul>${lines}</ul></li>`;
  });
  return `<details><summary>Versions <small>${history.length} so far</small></summary><div><ul class="versions">
${entries.join("\n")}
</ul></div></details>`;
}
