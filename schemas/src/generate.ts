import { readFileSync, writeFileSync } from "node:fs";
import prettier from "prettier";
import { readAvroSchema, SCHEMA_NAMES } from "./avro-schema.ts";
import { renderTypes } from "./render-types.ts";

// `npm run generate` writes what is made from the schemas; with --check it only says whether it is current.
const file = new URL("./generated/records.ts", import.meta.url);
const source = renderTypes(SCHEMA_NAMES.map(readAvroSchema));
const wanted = await prettier.format(source, { parser: "typescript", printWidth: 100 });

if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== wanted) {
    console.error("schemas/src/generated/records.ts is not current: run `npm run generate`");
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, wanted);
  console.log("wrote schemas/src/generated/records.ts");
}
