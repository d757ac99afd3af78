import type { CodeMeaning } from "./codes.ts";

/** Renders a page without scripts and without external resources. */
export const renderPage = (
  { title, version }: { readonly title: string; readonly version: string },
  body: string,
): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<h1>${escapeHtml(title)} ${escapeHtml(version)}</h1>
${body}
</body></html>
`;

/** @param heading HTML, as the cells of `rows` */
export function renderTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const head = heading.map((cell) => `<th>${cell}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`);
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table>`;
}

/** Renders the answers of an operation by status; the codes in their descriptions lead to {@link renderCodes}. */
export const renderAnswers = (
  responses: Readonly<Record<string, { readonly description: string }>>,
): string =>
  renderTable(
    ["answer", "meaning"],
    Object.entries(responses).map(([status, { description }]) => [
      status,
      escapeHtml(description).replaceAll(/`([A-Z_]+)`/g, '<a href="#$1">$1</a>'),
    ]),
  );

export const renderCodes = (codes: Readonly<Record<string, CodeMeaning>>): string =>
  `<h2 id="codes">Codes</h2>
${renderTable(
  ["code", "status", "meaning", "retry"],
  Object.entries(codes).map(([code, { status, title, retryAfterSeconds }]) => [
    `<code id="${code}">${code}</code>`,
    String(status),
    escapeHtml(title),
    retryAfterSeconds === undefined ? "no" : "after Retry-After",
  ]),
)}`;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", '"': "&quot;" };
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<"]/g, (character) => ESCAPES[character] ?? "");

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}" +
  "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left;vertical-align:top}" +
  ":target{background:#fd8}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}:target{background:#640}}";
