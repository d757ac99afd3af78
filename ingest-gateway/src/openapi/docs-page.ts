import { CODES } from "../answers/codes.ts";
import type { JsonSchema } from "./event-schema.ts";
import type { OpenApiDocument, Operation } from "./openapi-document.ts";

/** Renders the document as a web page without scripts and without external resources. */
export function renderDocsPage(document: OpenApiDocument): string {
  const { info, paths, components } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => renderOperation(path, method, operation)),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(info.title)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<h1>${escape(info.title)} ${escape(info.version)}</h1>
<p>${escape(info.description)} For programs: <a href="/openapi.json">/openapi.json</a>.
Where events are written to: <a href="/docs/topics">the topics</a>.</p>
${operations.join("\n")}
<h2 id="event">An event</h2>
${renderFields(components.schemas["Event"] ?? {})}
<h2 id="codes">Codes</h2>
${renderTable(
  ["code", "status", "meaning", "retry"],
  Object.entries(CODES).map(([code, meaning]) => [
    `<code id="${code}">${code}</code>`,
    String(meaning.status),
    escape(meaning.title),
    "retryAfterSeconds" in meaning ? "after Retry-After" : "no",
  ]),
)}
</body></html>
`;
}

function renderOperation(path: string, method: string, operation: Operation): string {
  const { summary, description = "", parameters = [], responses } = operation;
  const headers = parameters.map(({ name, description: meaning }) => [
    `<code>${escape(name)}</code>`,
    escape(meaning),
  ]);
  const answers = Object.entries(responses).map(([status, response]) => [
    status,
    escape(response.description).replaceAll(/`([A-Z_]+)`/g, '<a href="#$1">$1</a>'),
  ]);
  return `<h2><code>${method.toUpperCase()} ${escape(path)}</code> ${escape(summary)}</h2>
<p>${escape(description)}</p>
${headers.length > 0 ? renderTable(["header", "meaning"], headers) : ""}
${renderTable(["answer", "meaning"], answers)}`;
}

function renderFields(schema: JsonSchema): string {
  const required = new Set(schema["required"] as readonly string[]);
  const properties = schema["properties"] as Readonly<Record<string, JsonSchema>>;
  return renderTable(
    ["field", "required", "format", "meaning"],
    Object.entries(properties).map(([name, property]) => {
      const { description, examples: _, type, ...rules } = property;
      const form = [String(type).replace(",", " or "), ...Object.entries(rules).map(renderRule)];
      return [
        `<code>${escape(name)}</code>`,
        required.has(name) ? "yes" : "no",
        escape(form.join(", ")),
        escape(String(description)),
      ];
    }),
  );
}

function renderRule([rule, value]: [string, unknown]): string {
  if (Array.isArray(value)) return `${rule} ${value.map(String).join(" ")}`;
  if (typeof value !== "object" || value === null) return `${rule} ${String(value)}`;
  const { type, ...rules } = value as JsonSchema;
  return `${rule} (${[String(type), ...Object.entries(rules).map(renderRule)].join(", ")})`;
}

const renderTable = (heading: readonly string[], rows: readonly (readonly string[])[]): string => {
  const head = heading.map((cell) => `<th>${cell}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`);
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table>`;
};

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", '"': "&quot;" };
const escape = (text: string): string =>
  text.replaceAll(/[&<"]/g, (character) => ESCAPES[character] ?? "");

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}" +
  "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left;vertical-align:top}" +
  ":target{background:#fd8}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}:target{background:#640}}";
