import { z } from "zod";
import { ConfigError } from "./config-error.ts";
import { givenFor } from "./setting-file.ts";

/** One setting: the environment variable's name, its rule, and what it means to an operator. */
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

/**
 * Reads settings from an environment once, each from its variable or from the file that `<variable>_FILE` names.
 * Empty variables count as not set, so that a Compose file may pass them through.
 *
 * @throws {ConfigError} that lists every bad value at once, without repeating the values (secrets).
 */
export function readSettings<S extends Settings>(
  settings: S,
  environment: Readonly<Record<string, string | undefined>>,
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
