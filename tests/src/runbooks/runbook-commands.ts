import { readRunbooks } from "./runbooks.ts";

/**
 * The shell commands of a runbook, by the heading that they stand under: a list of blocks each, so that a
 * test does what the page says and nothing else.
 */
export function commandsOf(file: string): ReadonlyMap<string, readonly string[]> {
  const text = readRunbooks().find((runbook) => runbook.file === file)?.text ?? "";
  const sections = text.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => [section.slice(0, section.indexOf("\n")), blocksIn(section)]),
  );
}

const blocksIn = (section: string): string[] =>
  [...section.matchAll(/^( *)```sh\n([^]*?)^ *```$/gm)].map(([, indent = "", block = ""]) =>
    block.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  );
