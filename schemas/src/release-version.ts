import { mkdirSync, writeFileSync } from "node:fs";
import avsc from "avsc";
import type { RecordSchema } from "./avro-schema.ts";
import type { AvroTopic } from "./avro-topics.ts";
import { type Release, RELEASED_FOLDER, sha256Of } from "./released-versions.ts";
import { sampleRecords } from "./sample-records.ts";
import { formatted } from "./write-generated.ts";

/**
 * Stores a schema as a released version, with sample records, so that later versions are tested against both.
 *
 * @param options.version the topic's next version, from 1
 * @param options.date e.g. "2026-11-24"
 * @param options.pairedWith for the enriched topic: the raw version whose records are the prefix of its records
 * @returns the folder of the new files
 * @throws {Error} when the version exists
 */
export async function releaseVersion(options: {
  topic: AvroTopic;
  version: number;
  schema: RecordSchema;
  note: string;
  date: string;
  pairedWith?: number;
  folder?: string;
}): Promise<string> {
  const { topic, version, schema, note, date, pairedWith } = options;
  const topicFolder = `${options.folder ?? RELEASED_FOLDER}/${topic}`;
  mkdirSync(topicFolder, { recursive: true });
  const folder = `${topicFolder}/${version}`;
  mkdirSync(folder);

  const release: Release = {
    date,
    note,
    ...(pairedWith !== undefined && { pairedWith }),
    sha256: sha256Of(schema),
  };
  const write = async (file: string, value: unknown) =>
    writeFileSync(`${folder}/${file}`, await formatted(`${folder}/${file}`, JSON.stringify(value)));
  await write("release.json", release);
  await write("schema.avsc", schema);
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  for (const { name, value } of sampleRecords(schema)) {
    writeFileSync(`${folder}/${name}.bin`, type.toBuffer(value));
    await write(`${name}.json`, value);
  }
  return folder;
}
