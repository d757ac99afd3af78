import { readFileSync } from "node:fs";

/**
 * Returns a page with the part between two marks replaced: `<!-- begin generated: NAME -->` and `<!-- end generated -->`.
 *
 * @param page its path from the repository's root
 * @throws {Error} when the page has no such marks
 */
export function withGeneratedPart(page: string, name: string, part: string): string {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
  const begin = `<!-- begin generated: ${name} -->\n`;
  const end = "<!-- end generated -->";
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end, from);
  if (from < begin.length || to === -1) throw new Error(`${page} has no part "${name}"`);
  return `${text.slice(0, from)}\n${part}\n\n${text.slice(to)}`;
}
