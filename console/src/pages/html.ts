import { hash } from "node:crypto";
import { escapeHtml } from "@fiberstream/http/docs-html";
import type { Answer } from "../answers/answer.ts";

/** Markup that may be put into a page as it is. */
export type Html = { readonly text: string };

type Inserted = string | number | Html | readonly Html[] | undefined;

/** Makes markup from a template: whatever is inserted is escaped, unless it was made by this function. */
export const markup = (texts: TemplateStringsArray, ...inserted: readonly Inserted[]): Html => ({
  text: texts
    .map((text, at) => (at === 0 ? text : `${markupOf(inserted[at - 1])}${text}`))
    .join(""),
});

function markupOf(value: Inserted): string {
  if (value === undefined) return "";
  if (typeof value === "string" || typeof value === "number") return escapeHtml(String(value));
  return "text" in value ? value.text : value.map(({ text }) => text).join("");
}

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}" +
  "h1{font-size:1.4rem}label{display:block;margin:.8rem 0}input{font:inherit;display:block;width:100%;max-width:20rem;padding:.3rem;box-sizing:border-box}" +
  "button,a.button{font:inherit;display:inline-block;padding:.35rem 1rem;margin:.3rem 0;border:1px solid #8888;border-radius:.3rem;background:#8882;color:inherit;text-decoration:none;cursor:pointer}" +
  "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left}" +
  "[role=alert]{border-left:.3rem solid #c30;padding:.3rem .8rem;margin:1rem 0}td form{margin:0}" +
  "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}";

const STYLE_ELEMENT: Html = { text: `<style>${STYLE}</style>` };
const STYLE_HASH = `'sha256-${hash("sha256", STYLE, "base64")}'`;

/**
 * Returns a page: no script, no resource, in no frame, and its forms lead to the console only.
 *
 * @param options.formTargets further origins to which the answer to a form may redirect
 */
export function page(options: {
  title: string;
  body: Html;
  status?: number;
  headers?: Readonly<Record<string, string>>;
  cookies?: readonly string[];
  formTargets?: readonly string[];
}): Answer {
  const { title, body, status = 200, headers, cookies, formTargets = [] } = options;
  return {
    status,
    contentType: "text/html; charset=utf-8",
    headers: {
      ...headers,
      "Content-Security-Policy": [
        "default-src 'none'",
        `style-src ${STYLE_HASH}`,
        `form-action ${["'self'", ...formTargets].join(" ")}`,
        "frame-ancestors 'none'",
        "base-uri 'none'",
      ].join("; "),
      // Not no-referrer: browsers would send forms with Origin: null.
      "Referrer-Policy": "same-origin",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cache-Control": "no-store",
    },
    ...(cookies !== undefined && { cookies }),
    body: markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title} - FiberStream</title>
<meta name="viewport" content="width=device-width">${STYLE_ELEMENT}</head><body>
<h1>${title}</h1>
${body}
</body></html>
`.text,
  };
}

/** Returns an answer that leads the browser to another page, by GET. */
export const redirect = (to: string, cookies: readonly string[] = []): Answer => ({
  status: 303,
  contentType: "text/plain; charset=utf-8",
  headers: { Location: to, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer" },
  ...(cookies.length > 0 && { cookies }),
  body: "",
});

/** A table of texts and markup. */
export const table = (
  heading: readonly string[],
  rows: readonly (readonly (string | Html)[])[],
): Html => {
  const head = heading.map((cell) => markup`<th>${cell}</th>`);
  const cellsOf = (row: readonly (string | Html)[]) => row.map((cell) => markup`<td>${cell}</td>`);
  const body = rows.map((row) => markup`<tr>${cellsOf(row)}</tr>`);
  return markup`<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
};
