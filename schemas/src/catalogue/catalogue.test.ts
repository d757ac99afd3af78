import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { AvroSchemaParser } from "@asyncapi/avro-schema-parser";
import { Parser } from "@asyncapi/parser";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { readReleasedVersions } from "../released-versions.ts";
import { TOPICS } from "../topics.ts";
import { readCatalogueFile } from "../catalogue-files.ts";
import { readCatalogue } from "./catalogue.ts";

const catalogue = readCatalogue(readReleasedVersions());

describe("the catalogue", () => {
  it("has every topic, and tells all of every field", () => {
    expect(catalogue.map(({ name }) => name)).toEqual(Object.keys(TOPICS));
    const fields = catalogue.flatMap(({ record }) => record?.fields ?? []);
    expect(fields.length).toBeGreaterThan(50);
    expect(fields.filter(({ meaning, since }) => meaning === "" || since === undefined)).toEqual(
      [],
    );
    const symbols = fields.flatMap((field) => field.symbols);
    expect(symbols.filter(({ meaning }) => meaning === "")).toEqual([]);
  });

  it("has sample records whose bytes are what they say", () => {
    for (const { record } of catalogue) {
      if (record === undefined) continue;
      const type = avsc.Type.forSchema(record.schema as avsc.Schema);
      expect(record.samples.map(({ name }) => name)).toEqual(["typical", "least"]);
      for (const { bytes, value } of record.samples) {
        expect({ ...(type.fromBuffer(bytes) as object) }).toEqual(value);
      }
    }
  });
});

describe("the AsyncAPI document", () => {
  it("is valid, by AsyncAPI's own parser and its parser of Avro", async () => {
    const parser = new Parser();
    parser.registerSchemaParser(AvroSchemaParser());
    const { document, diagnostics } = await parser.parse(readCatalogueFile("asyncapi.json"));
    expect(diagnostics.map(({ message, path }) => `${path.join(".")}: ${message}`)).toEqual([]);
    expect(
      document
        ?.channels()
        .all()
        .map((channel) => channel.address()),
    ).toEqual(Object.keys(TOPICS));
  });
});

describe("the page", () => {
  const page = readCatalogueFile("topics.html");

  it("has every field and header under a link of its own", () => {
    for (const { name, record, topic } of catalogue) {
      for (const field of [...(record?.fields ?? []), ...Object.keys(topic.headers)]) {
        const fieldName = typeof field === "string" ? field : field.name;
        expect(page).toContain(`id="${name}/${fieldName}"`);
      }
    }
  });

  it("runs the script that its policy names, and loads nothing", () => {
    const script = /<script type="module">([^]*?)<\/script>/.exec(page)?.[1] ?? "";
    expect(script).toBe(readFileSync(new URL("./site-search.mjs", import.meta.url), "utf8"));
    const hash = createHash("sha256").update(script).digest("base64");
    expect(page).toContain(
      `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'`,
    );
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  it("has no id twice, and no link into nowhere", () => {
    const ids = Array.from(page.matchAll(/ id="([^"]+)"/g), ([, id]) => id);
    expect(ids.length).toBe(new Set(ids).size);
    const targets = Array.from(page.matchAll(/ href="#([^"]+)"/g), ([, id]) => id);
    expect(targets.filter((id) => !ids.includes(id))).toEqual([]);
  });
});
