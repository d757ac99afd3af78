import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { CatalogueTopic } from "./catalogue.ts";
import { renderTopicSection } from "./site-topic.ts";
import { html, markdownInline } from "./html.ts";
import { READING } from "./topic-words.ts";

/**
 * Renders the catalogue as one self-contained page, with a search script that the page also works without.
 * Its content security policy allows only that script, and no requests.
 */
export function renderCatalogueSite(topics: readonly CatalogueTopic[]): string {
  const style = readFileSync(new URL("./site.css", import.meta.url), "utf8");
  const script = readFileSync(new URL("./site-search.mjs", import.meta.url), "utf8");
  const scriptHash = createHash("sha256").update(script).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FiberStream topics</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#topics">Skip to the topics</a>
<div class="bar"><div>
<a class="brand" href="#top">FiberStream <span>topics</span></a>
<form class="search" role="search" hidden>
<input id="search" type="search" placeholder="Search fields and topics ( / )" aria-label="Search fields and topics" autocomplete="off" spellcheck="false">
<span class="found" id="found" role="status"></span>
</form>
</div></div>
<div class="page" id="top">
<nav aria-label="Topics"><ul>
${topics.map(({ name }) => `<li><a class="mono" href="#${name}">${html(name)}</a></li>`).join("\n")}
</ul></nav>
<main id="topics">
<div id="reading">
<h1>Topics</h1>
<p class="lead">The topics that data teams can read, field by field. For programs: <a href="asyncapi.json">asyncapi.json</a>.</p>
<div class="reading">
${READING.map((sentence) => `<p>${markdownInline(sentence)}</p>`).join("\n")}
</div>
</div>
${topics.map(renderTopicSection).join("\n")}
<p class="nothing" id="nothing" hidden>No field contains all of these words.</p>
</main>
</div>
<script type="module">${script}</script>
</body>
</html>
`;
}
