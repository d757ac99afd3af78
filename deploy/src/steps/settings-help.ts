import type { Settings } from "@fiberstream/runtime/settings";

/** Returns the settings for `--help`: a line for each, with its meaning and default. */
export function helpOnSettings(settings: Settings): string {
  const width = Math.max(...Object.values(settings).map(({ variable }) => variable.length));
  const lines = Object.values(settings).map(({ variable, rule, meaning }) => {
    const standard = rule.safeParse(undefined);
    const isShown = standard.success && standard.data !== "" && standard.data !== undefined;
    const shown = isShown ? ` (default ${String(standard.data)})` : "";
    return `  ${variable.padEnd(width)}  ${meaning}${shown}`;
  });
  return `\nSettings are environment variables. To read one from a file, set <NAME>_FILE to the path:\n${lines.join("\n")}\n`;
}
