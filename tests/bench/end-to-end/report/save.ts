import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import prettier from "prettier";
import { CHECKOUT } from "../../harness/service.ts";
import { type Pages, renderPage } from "./render-page.ts";

const FOLDER = join(CHECKOUT, "docs/benchmark");

/** Saves a result, and renders the page again from all saved results. */
export async function save<Name extends keyof Pages>(
  name: Name,
  result: NonNullable<Pages[Name]>,
): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const json = await prettier.format(JSON.stringify(result, rounded), {
    parser: "json",
    printWidth: 100,
  });
  writeFileSync(join(FOLDER, `${name}.json`), json);
  const page = renderPage({
    latest: readResult("latest"),
    scaled: readResult("scaled"),
    compared: readResult("compared"),
    soak: readResult("soak"),
  });
  writeFileSync(
    join(FOLDER, "index.html"),
    await prettier.format(page, { parser: "html", printWidth: 100 }),
  );
}

/** Returns the saved result; undefined if there is none. */
export function readResult<Name extends keyof Pages>(name: Name): Pages[Name] {
  const file = join(FOLDER, `${name}.json`);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")) as Pages[Name];
}

/** Rounds to six digits, which is more than the precision of the measurement. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(6))
    : value;
}
