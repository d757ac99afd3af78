import { readFileSync } from "node:fs";
import { z } from "zod";

/** One setting: the environment variable's name, its rule, and its help text. */
export type Setting<S extends z.ZodType = z.ZodType> = {
  readonly variable: string;
  readonly rule: S;
  readonly meaning: string;
};

export type Settings = Readonly<Record<string, Setting>>;
export type ConfigOf<S extends Settings> = { readonly [K in keyof S]: z.output<S[K]["rule"]> };

export function setting<S extends z.ZodType>(
  variable: string,
  rule: S,
  meaning: string,
): Setting<S> {
  return { variable, rule, meaning };
}

/** Whole numbers with bounds, e.g. a port or a duration in ms. */
export const wholeNumber = (range: { min: number; max: number }) =>
  z.coerce.number<string>().int().min(range.min).max(range.max);

/** A TCP port; 0 lets the system choose one. */
export const portNumber = () => wholeNumber({ min: 0, max: 65_535 });

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads each setting from its variable, or from the file that `<variable>_FILE` names.
 * Empty variables count as not set, so that a Compose file can pass them through.
 *
 * @throws {ConfigError} with all problems; never contains values, which may be secrets
 */
export function readSettings<S extends Settings>(
  settings: S,
  environment: Environment,
): ConfigOf<S> {
  const config: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, { variable, rule, meaning }] of Object.entries(settings)) {
    const given = givenFor(variable, environment);
    if ("problem" in given) {
      problems.push(`${variable} (${meaning}): ${given.problem}`);
      continue;
    }
    const result = rule.safeParse(given.value);
    if (result.success) config[key] = result.data;
    else {
      const reason = given.value === undefined ? "is not set" : result.error.issues[0]?.message;
      problems.push(`${variable} (${meaning}): ${reason ?? "is not valid"}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config as ConfigOf<S>;
}

/** Invalid settings. The message has a line for each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `${problems.length} setting${problems.length === 1 ? "" : "s"} cannot be used:\n` +
        problems.map((problem) => `  - ${problem}`).join("\n"),
    );
    this.problems = problems;
  }
}

type Given = { readonly value: string | undefined } | { readonly problem: string };

/**
 * Returns a variable's value, or the content of the file that `<variable>_FILE` names, so that a secret need not be in
 * the environment. Empty variables count as not set. A line break at the end of the file is removed.
 *
 * @returns a problem when both are set or the file cannot be read; it never contains the file's content
 */
export function givenFor(variable: string, environment: Environment): Given {
  const value = environment[variable];
  const fileVariable = `${variable}_FILE`;
  const file = environment[fileVariable];
  if (!file) return { value: value === "" ? undefined : value };
  if (value) return { problem: `is set twice, here and by ${fileVariable}` };
  try {
    const text = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    return text === ""
      ? { problem: `${fileVariable} names an empty file: ${file}` }
      : { value: text };
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    return { problem: `${fileVariable} names a file that cannot be read: ${file} (${code})` };
  }
}
