import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import prettier from "prettier";
import { CHECKOUT } from "../../harness/service.ts";
import { type Pages, renderPage } from "./render-page.ts";

const FOLDER = join(CHECKOUT, "docs/benchmark");

/** Writes a result beside the others and draws the page anew from all of them. */
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

/** The result that was written last; undefined when none was. */
export function readResult<Name extends keyof Pages>(name: Name): Pages[Name] {
  const file = join(FOLDER, `${name}.json`);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")) as Pages[Name];
}

/** Six digits: more than was measured. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(6))
    : value;
}
