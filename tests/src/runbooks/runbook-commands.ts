import { readRunbooks } from "./runbooks.ts";

/**
 * Returns the blocks of shell commands of a runbook by heading, so that a test runs exactly the commands of the page.
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
