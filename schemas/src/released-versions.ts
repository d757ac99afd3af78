import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RecordSchema } from "./avro-schema.ts";
import { type AvroTopic, avroTopics } from "./avro-topics.ts";

/** A released version of a topic's schema, stored under `schemas/released/<topic>/<version>`; it never changes. */
export type ReleasedVersion = Release & {
  readonly topic: AvroTopic;
  /** From 1, as in the registry. */
  readonly version: number;
  readonly schema: RecordSchema;
  readonly records: readonly ReleasedRecord[];
};

/** The file release.json of a version. */
export type Release = {
  /** E.g. "2026-11-24". */
  readonly date: string;
  readonly note: string;
  /** For an enriched version: the raw version whose records are the prefix of its records. */
  readonly pairedWith?: number;
  /** SHA-256 of the schema, in hex; checks that the released schema was not changed. */
  readonly sha256: string;
};

/** A record that the version wrote when it was released: its Avro bytes without the wire prefix, and its values. */
export type ReleasedRecord = {
  readonly name: string;
  readonly bytes: Buffer;
  readonly value: Readonly<Record<string, unknown>>;
};

export const RELEASED_FOLDER = fileURLToPath(new URL("../released", import.meta.url));

/** Reads all released versions, by topic, oldest first. */
export function readReleasedVersions(folder: string = RELEASED_FOLDER): ReleasedVersion[] {
  return avroTopics().flatMap((topic) => {
    if (!existsSync(`${folder}/${topic}`)) return [];
    return readdirSync(`${folder}/${topic}`)
      .map(Number)
      .sort((a, b) => a - b)
      .map((version) => readVersion(topic, version, `${folder}/${topic}/${version}`));
  });
}

function readVersion(topic: AvroTopic, version: number, folder: string): ReleasedVersion {
  const release = readJson(`${folder}/release.json`) as Release;
  const schema = readJson(`${folder}/schema.avsc`) as RecordSchema;
  const names = readdirSync(folder).filter((name) => name.endsWith(".bin"));
  const records = names.map((file) => {
    const name = file.slice(0, -".bin".length);
    return {
      name,
      bytes: readFileSync(`${folder}/${file}`),
      value: readJson(`${folder}/${name}.json`) as ReleasedRecord["value"],
    };
  });
  return { topic, version, schema, ...release, records };
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));

/** The schema's fingerprint over its JSON without white space. */
export const sha256Of = (schema: RecordSchema): string =>
  createHash("sha256").update(JSON.stringify(schema)).digest("hex");
