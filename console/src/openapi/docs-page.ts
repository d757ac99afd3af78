import {
  escapeHtml,
  renderAnswers,
  renderCodes,
  renderPage,
  renderTable,
} from "@fiberstream/http/docs-html";
import { CODES } from "../answers/codes.ts";
import type { OpenApiDocument, Operation } from "./openapi-document.ts";

/** Renders the document as a web page without scripts and without external resources. */
export function renderDocsPage({ info, paths }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => renderOperation(path, method, operation)),
  );
  return renderPage(
    info,
    `<p>${escapeHtml(info.description)} For programs: <a href="/openapi.json">/openapi.json</a>.</p>
${operations.join("\n")}
${renderCodes(CODES)}`,
  );
}

function renderOperation(path: string, method: string, operation: Operation): string {
  const { summary, description = "", parameters, responses } = operation;
  const inputs = parameters.map(({ name, in: place, required, description: meaning, schema }) => [
    `<code>${escapeHtml(name)}</code>`,
    place,
    required ? "yes" : "no",
    escapeHtml(formOf(schema)),
    escapeHtml(meaning),
  ]);
  return `<h2><code>${method.toUpperCase()} ${escapeHtml(path)}</code> ${escapeHtml(summary)}</h2>
<p>${escapeHtml(description)}</p>
${inputs.length > 0 ? renderTable(["parameter", "in", "required", "format", "meaning"], inputs) : ""}
${renderAnswers(responses)}`;
}

const formOf = (schema: Readonly<Record<string, unknown>>): string =>
  Object.entries(schema)
    .map(([rule, value]) => `${rule} ${Array.isArray(value) ? value.join(", ") : String(value)}`)
    .join(", ");
