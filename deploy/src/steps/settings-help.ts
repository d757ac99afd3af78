import type { Settings } from "@fiberstream/runtime/settings";

/** Settings as `--help` shows them: a line each with its meaning and its default. */
export function helpOnSettings(settings: Settings): string {
  const width = Math.max(...Object.values(settings).map(({ variable }) => variable.length));
  const lines = Object.values(settings).map(({ variable, rule, meaning }) => {
    const standard = rule.safeParse(undefined);
    const isTold = standard.success && standard.data !== "" && standard.data !== undefined;
    const shown = isTold ? ` (default ${String(standard.data)})` : "";
    return `  ${variable.padEnd(width)}  ${meaning}${shown}`;
  });
  return `\nSettings (environment variables; NAME_FILE names a file to read one from):\n${lines.join("\n")}\n`;
}
