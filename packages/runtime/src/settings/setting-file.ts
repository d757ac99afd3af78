import { readFileSync } from "node:fs";

type Environment = Readonly<Record<string, string | undefined>>;
type Given = { readonly value: string | undefined } | { readonly problem: string };

/**
 * What an environment gives for a variable: its own value, or the content of the file that
 * `<variable>_FILE` names, so that a secret need not stand in the environment. Empty ones count as not set.
 * A file's last line break is an editor's, not the secret's.
 *
 * @returns a problem when both are set or the file cannot be read; it never holds the file's content
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
