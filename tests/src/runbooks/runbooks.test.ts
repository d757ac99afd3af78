import { existsSync } from "node:fs";
import { join } from "node:path";
import { createFiber } from "@fiberstream/cli/fiber";
import { describe, expect, it } from "@jest/globals";
import packageJson from "../../../package.json" with { type: "json" };
import { fiberCommandsIn, readRunbooks, RUNBOOKS, scriptsIn } from "./runbooks.ts";

const scripts = new Set(Object.keys(packageJson.scripts));

describe.each(readRunbooks().map(({ file, text }) => [file, text] as const))("%s", (_, text) => {
  it("has only npm scripts that exist", () => {
    expect(scriptsIn(text).filter((script) => !scripts.has(script))).toEqual([]);
  });

  it("has only commands and options that fiber has", () => {
    expect(fiberCommandsIn(text).filter((words) => !isKnown(words))).toEqual([]);
  });

  it("links only to pages that exist", () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, link = ""]) => link);
    expect(links.filter((link) => !existsSync(join(RUNBOOKS, link)))).toEqual([]);
  });
});

/** Returns whether a command and its options exist. */
function isKnown(words: readonly string[]): boolean {
  let command = createFiber();
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
  }
  const options = words.filter((word) => word.startsWith("--"));
  return (
    command.commands.length === 0 &&
    options.every((option) => command.options.some(({ long }) => long === option))
  );
}
