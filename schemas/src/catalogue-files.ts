import { readFileSync } from "node:fs";

/** The catalogue as one page for people, and as an AsyncAPI document for programs: whole files, as text. */
export const readCatalogueFile = (name: "topics.html" | "asyncapi.json"): string =>
  readFileSync(new URL(`../catalogue/${name}`, import.meta.url), "utf8");
