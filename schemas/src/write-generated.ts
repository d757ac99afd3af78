import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import prettier from "prettier";

/**
 * Writes generated files, or with `--check` among the arguments only says which are not current, with exit
 * code 1.
 *
 * @param files text by path from the repository's root; formatted here, except where the formatter is
 * told to leave the file alone
 */
export async function writeGenerated(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = fileURLToPath(new URL(name, ROOT));
    const wanted = await formatted(file, text);
    if (process.argv.includes("--check")) {
      if (existsSync(file) && readFileSync(file, "utf8") === wanted) continue;
      console.error(`${name} is not current: run \`npm run generate\``);
      process.exitCode = 1;
    } else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, wanted);
      console.log(`wrote ${name}`);
    }
  }
}

const ROOT = new URL("../../", import.meta.url);
const IGNORE_FILE = fileURLToPath(new URL(".prettierignore", ROOT));

/** As the project's formatter would have it. */
export async function formatted(file: string, text: string): Promise<string> {
  const { ignored } = await prettier.getFileInfo(file, { ignorePath: IGNORE_FILE });
  if (ignored) return text;
  const options = await prettier.resolveConfig(file);
  return prettier.format(text, { ...options, filepath: file });
}
