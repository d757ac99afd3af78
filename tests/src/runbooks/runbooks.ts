import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const RUNBOOKS = fileURLToPath(new URL("../../../docs/runbooks", import.meta.url));

export type Runbook = { readonly file: string; readonly text: string };

export const readRunbooks = (): Runbook[] =>
  globSync("*.md", { cwd: RUNBOOKS })
    .sort()
    .map((file) => ({ file, text: readFileSync(join(RUNBOOKS, file), "utf8") }));

/** Returns the PromQL queries of a page, one per line. */
export const queriesIn = (text: string): string[] =>
  [...text.matchAll(/```promql\n(.*?)```/gs)].flatMap(([, block = ""]) =>
    block.split("\n").filter((line) => line !== ""),
  );

/** Returns the commands of `fiber` on a page, with options: `["dlq", "list", "--since", "1h"]`. */
export const fiberCommandsIn = (text: string): string[][] =>
  [...text.matchAll(/npm run fiber -- ([^`#\n]+)/g)].map(([, words = ""]) =>
    words.trim().split(/\s+/),
  );

/** Returns the names of npm scripts on a page. */
export const scriptsIn = (text: string): string[] =>
  [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script = ""]) => script);
