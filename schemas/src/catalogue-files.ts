import { readFileSync } from "node:fs";

/** Reads the catalogue as text: one HTML page for people, or an AsyncAPI document for programs. */
export const readCatalogueFile = (name: "topics.html" | "asyncapi.json"): string =>
  readFileSync(new URL(`../catalogue/${name}`, import.meta.url), "utf8");
