import type { Topic } from "../topics.ts";
import type { CatalogueTopic } from "./catalogue.ts";

/** How long records stay, for people. */
export function keptText({ cleanup, retentionMs }: Topic): string {
  if (cleanup === "compact") return "the latest record of each key, for good";
  return retentionMs === undefined ? "for good" : `${retentionMs / DAY_MS} days`;
}

export const keyText = ({ key }: Topic): string =>
  key === "original" ? "the key that the record had" : `${key}, as UTF-8 text`;

export const valueText = ({ topic, record }: CatalogueTopic): string => {
  if (record !== undefined) return `Avro ${record.name}`;
  return topic.value === "JSON" ? "JSON" : "the original bytes, untouched";
};

/**
 * What a topic takes, from the size of its typical record; values only, as the records' own frame and keys
 * depend on how they are batched.
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

/** What a record's first bytes are, before Avro: the magic byte and the schema's id. */
const WIRE_PREFIX_BYTES = 5;
const EVENTS_PER_SECOND = 1_000;
const SECONDS_PER_DAY = 86_400;
const DAY_MS = SECONDS_PER_DAY * 1_000;

const round = (value: number): string =>
  value.toLocaleString("en-US", { maximumSignificantDigits: 2 });

/** Bytes as they stand in the log, in lines of 16. */
export function hexLines(bytes: Buffer): string {
  const pairs = bytes.toString("hex").match(/../g) ?? [];
  const lines: string[] = [];
  for (let at = 0; at < pairs.length; at += 16) lines.push(pairs.slice(at, at + 16).join(" "));
  return lines.join("\n");
}

export const SAMPLE_TITLES: Readonly<Record<string, string>> = {
  typical: "A record with every field filled",
  least: "The least that may be in one",
};

/** What holds for every topic with a schema, as paragraphs of Markdown without links. */
export const READING = [
  "**Form.** Confluent's wire format: a byte 0, the schema's id as four bytes (big-endian), then Avro. Stock clients with a schema registry read it. Subjects are named `<topic>-value`.",
  "**Versions.** FULL_TRANSITIVE: any reader's version reads any record's. Fields with a default may come and go, no others; a field never changes its type, its unit or its meaning.",
  "**Isolation.** Set `isolation.level=read_committed`: what a processor wrote before it was killed stands in the log, too, and is skipped that way.",
  "**Identity.** Events with the same `event_id` are one event. Keep the first one.",
  "**Times** are microseconds since 1970 in UTC (`timestamp-micros`), never rounded to milliseconds.",
] as const;
