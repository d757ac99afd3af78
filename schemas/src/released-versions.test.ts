import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import type { RecordField, RecordSchema } from "./avro-schema.ts";
import { readSchemaTree } from "./avro-topics.ts";
import { releaseVersion } from "./release-version.ts";
import { readReleasedVersions, type ReleasedVersion, sha256Of } from "./released-versions.ts";

const released = readReleasedVersions();
const typeOf = (schema: RecordSchema) => avsc.Type.forSchema(schema as avsc.Schema);

describe("released versions", () => {
  it("are counted from 1 without a gap, and have not changed since", () => {
    for (const [topic, versions] of byTopic()) {
      expect([topic, versions.map(({ version }) => version)]).toEqual([
        topic,
        versions.map((_, index) => index + 1),
      ]);
    }
    expect(released.filter(({ schema, sha256 }) => sha256Of(schema) !== sha256)).toEqual([]);
  });

  it("are written with records, and never twice", async () => {
    const folder = mkdtempSync(`${tmpdir()}/released-`);
    const schema = readSchemaTree()["probe.nodes"];
    const release = { topic: "probe.nodes", version: 1, schema, note: "First.", folder } as const;
    await releaseVersion({ ...release, date: "2026-11-24" });
    const [version] = readReleasedVersions(folder);
    expect(version).toMatchObject({ version: 1, note: "First.", schema, sha256: sha256Of(schema) });
    const names = version?.records.map(({ name }) => name).sort();
    expect(names).toEqual(["least", "most", "typical"]);
    await expect(releaseVersion({ ...release, date: "2026-11-25" })).rejects.toThrow("EEXIST");
    rmSync(folder, { recursive: true });
  });

  it("pair each enriched version with the raw one whose records its own begin with", () => {
    const rawVersions = released.filter(({ topic }) => topic === "probe.metrics.raw");
    for (const enriched of released.filter(({ topic }) => topic === "probe.metrics.enriched")) {
      const raw = rawVersions.find(({ version }) => version === enriched.pairedWith);
      expect(raw?.records.length).toBe(3);
      for (const { bytes, value } of enriched.records) {
        const start = raw ? typeOf(raw.schema).toBuffer(value) : Buffer.of(255);
        expect(bytes.subarray(0, start.length)).toEqual(start);
      }
    }
    const paired = new Set(released.map(({ pairedWith }) => pairedWith));
    expect(rawVersions.filter(({ version }) => !paired.has(version))).toEqual([]);
  });
});

const readers = [
  ...released.map(({ topic, version, schema }) => ({ topic, name: `version ${version}`, schema })),
  ...released
    .filter(({ version }) => version === 1)
    .map(({ topic }) => ({ topic, name: "the working tree", schema: readSchemaTree()[topic] })),
];
const pairs = released.flatMap((writer) =>
  readers
    .filter(({ topic }) => topic === writer.topic)
    .map((reader) => [writer.topic, writer.version, reader.name, writer, reader.schema] as const),
);

describe("records of released versions", () => {
  it.each(pairs)("%s: version %i is read as %s", (_topic, _version, _name, writer, schema) => {
    const reader = typeOf(schema);
    const resolver = reader.createResolver(typeOf(writer.schema));
    for (const { bytes, value } of writer.records) {
      const read = reader.fromBuffer(bytes, resolver) as Record<string, unknown>;
      expect({ ...read }).toEqual(expectedOf(schema, value));
    }
  });
});

/** What a reader has of a value: what it knows is there, and defaults for what the writer did not know. */
function expectedOf(schema: RecordSchema, value: Readonly<Record<string, unknown>>) {
  const nameIn = ({ name, aliases = [] }: RecordField) =>
    [name, ...aliases].find((one) => one in value);
  return Object.fromEntries(
    schema.fields.map((field) => {
      const name = nameIn(field);
      return [field.name, name === undefined ? field.default : value[name]];
    }),
  );
}

function byTopic(): [string, ReleasedVersion[]][] {
  return Object.entries(Object.groupBy(released, ({ topic }) => topic));
}
