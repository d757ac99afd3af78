import { CODES } from "../answers/codes.ts";
import type { OpenApiDocument, Operation } from "./openapi-document.ts";

/** Renders the document as a web page without scripts and without external resources. */
export function renderDocsPage({ info, paths }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => renderOperation(path, method, operation)),
  );
  const codes = Object.entries(CODES).map(([code, meaning]) => [
    `<code id="${code}">${code}</code>`,
    String(meaning.status),
    escape(meaning.title),
    "retryAfterSeconds" in meaning ? "after Retry-After" : "no",
  ]);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(info.title)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<h1>${escape(info.title)} ${escape(info.version)}</h1>
<p>${escape(info.description)} For programs: <a href="/openapi.json">/openapi.json</a>.</p>
${operations.join("\n")}
<h2 id="codes">Codes</h2>
${renderTable(["code", "status", "meaning", "retry"], codes)}
</body></html>
`;
}

function renderOperation(path: string, method: string, operation: Operation): string {
  const { summary, description = "", parameters, responses } = operation;
  const inputs = parameters.map(({ name, in: place, required, description: meaning, schema }) => [
    `<code>${escape(name)}</code>`,
    place,
    required ? "yes" : "no",
    escape(formOf(schema)),
    escape(meaning),
  ]);
  const answers = Object.entries(responses).map(([status, response]) => [
    status,
    escape(response.description).replaceAll(/`([A-Z_]+)`/g, '<a href="#$1">$1</a>'),
  ]);
  return `<h2><code>${method.toUpperCase()} ${escape(path)}</code> ${escape(summary)}</h2>
<p>${escape(description)}</p>
${inputs.length > 0 ? renderTable(["parameter", "in", "required", "format", "meaning"], inputs) : ""}
${renderTable(["answer", "meaning"], answers)}`;
}

const formOf = (schema: Readonly<Record<string, unknown>>): string =>
  Object.entries(schema)
    .map(([rule, value]) => `${rule} ${Array.isArray(value) ? value.join(", ") : String(value)}`)
    .join(", ");

const renderTable = (heading: readonly string[], rows: readonly (readonly string[])[]): string => {
  const head = heading.map((cell) => `<th>${cell}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`);
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table>`;
};

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", '"': "&quot;" };
const escape = (text: string): string =>
  text.replaceAll(/[&<"]/g, (character) => ESCAPES[character] ?? "");

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}" +
  "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left;vertical-align:top}" +
  ":target{background:#fd8}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}:target{background:#640}}";
