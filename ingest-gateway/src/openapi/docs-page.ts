import {
  escapeHtml,
  renderAnswers,
  renderCodes,
  renderPage,
  renderTable,
} from "@fiberstream/http/docs-html";
import { CODES } from "../answers/codes.ts";
import type { JsonSchema } from "./event-schema.ts";
import type { OpenApiDocument, Operation } from "./openapi-document.ts";

/** Renders the document as a web page without scripts and without external resources. */
export function renderDocsPage(document: OpenApiDocument): string {
  const { info, paths, components } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => renderOperation(path, method, operation)),
  );
  return renderPage(
    info,
    `<p>${escapeHtml(info.description)} For programs: <a href="/openapi.json">/openapi.json</a>.
Where events are written to: <a href="/docs/topics">the topics</a>.</p>
${operations.join("\n")}
<h2 id="event">An event</h2>
${renderFields(components.schemas["Event"] ?? {})}
${renderCodes(CODES)}`,
  );
}

function renderOperation(path: string, method: string, operation: Operation): string {
  const { summary, description = "", parameters = [], responses } = operation;
  const headers = parameters.map(({ name, description: meaning }) => [
    `<code>${escapeHtml(name)}</code>`,
    escapeHtml(meaning),
  ]);
  return `<h2><code>${method.toUpperCase()} ${escapeHtml(path)}</code> ${escapeHtml(summary)}</h2>
<p>${escapeHtml(description)}</p>
${headers.length > 0 ? renderTable(["header", "meaning"], headers) : ""}
${renderAnswers(responses)}`;
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
        `<code>${escapeHtml(name)}</code>`,
        required.has(name) ? "yes" : "no",
        escapeHtml(form.join(", ")),
        escapeHtml(String(description)),
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
