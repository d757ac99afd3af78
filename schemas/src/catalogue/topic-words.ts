import type { Topic } from "../topics.ts";
import type { CatalogueTopic } from "./catalogue.ts";

/** How long records are retained, in words. */
export function retentionText({ cleanup, retentionMs }: Topic): string {
  if (cleanup === "compact") return "the latest record of each key, forever";
  return retentionMs === undefined || retentionMs < 0 ? "forever" : `${retentionMs / DAY_MS} days`;
}

export const keyText = ({ key }: Topic): string =>
  key === "original" ? "the key that the record had" : `${key}, as UTF-8 text`;

export const valueText = ({ topic, record }: CatalogueTopic): string => {
  if (record !== undefined) return `Avro ${record.name}`;
  if (topic.value === "signed note") return "UTF-8 text: a signed note (C2SP)";
  return topic.value === "JSON" ? "JSON" : "the original bytes, unchanged";
};

/**
 * The disk space that a topic needs, from the size of its typical record; values only, because the size of record headers
 * and keys depends on the batches.
 */
export function sizeText({ name, topic, record }: CatalogueTopic): string | undefined {
  const typical = record?.samples[0];
  if (typical === undefined) return undefined;
  const bytes = WIRE_PREFIX_BYTES + typical.bytes.length;
  const size = `A value with every field filled has ${bytes} bytes.`;
  if (!name.startsWith("probe.metrics")) return size;
  const gigabytesADay = (bytes * EVENTS_PER_SECOND * SECONDS_PER_DAY) / 1e9;
  const days = (topic.retentionMs ?? 0) / DAY_MS;
  return `${size} ${EVENTS_PER_SECOND.toLocaleString("en-US")} events a second make ${round(gigabytesADay)} GB a day, ${round(gigabytesADay * days)} GB in ${days} days on each replica, not compressed.`;
}

/** The magic byte and the schema's id, before Avro. */
const WIRE_PREFIX_BYTES = 5;
const EVENTS_PER_SECOND = 1_000;
const SECONDS_PER_DAY = 86_400;
const DAY_MS = SECONDS_PER_DAY * 1_000;

const round = (value: number): string =>
  value.toLocaleString("en-US", { maximumSignificantDigits: 2 });

/** Hex dump, 16 bytes a line. */
export function hexLines(bytes: Buffer): string {
  const pairs = bytes.toString("hex").match(/../g) ?? [];
  const lines: string[] = [];
  for (let at = 0; at < pairs.length; at += 16) lines.push(pairs.slice(at, at + 16).join(" "));
  return lines.join("\n");
}

export const SAMPLE_TITLES: Readonly<Record<string, string>> = {
  typical: "A record with every field filled",
  least: "A minimal record",
};

/** How to read every topic with a schema, as paragraphs of Markdown without links. */
export const READING = [
  "**Format.** Confluent's wire format: a byte 0, the schema's id as four bytes (big-endian), then Avro. Standard clients with a schema registry can read it. Subjects are named `<topic>-value`.",
  "**Versions.** FULL_TRANSITIVE: a reader with any version can read records of any version. Only fields with a default may be added or removed; a field never changes its type, unit or meaning.",
  "**Isolation.** Set `isolation.level=read_committed`: records of aborted transactions (of a processor that was killed, for example) are in the log, too, and this setting skips them.",
  "**Identity.** Events with the same `event_id` are one event. Keep the first one.",
  "**Times** are microseconds since 1970 in UTC (`timestamp-micros`), never rounded to milliseconds.",
] as const;
