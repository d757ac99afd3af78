import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { readAvroSchema, type SchemaName } from "@fiberstream/schemas/avro-schema";
import { type TopicRecord, type TopicValues, UndecodableError } from "./topic-record.ts";

const SCHEMAS = {
  "probe.metrics.raw": "ProbeMetric",
  "probe.metrics.enriched": "EnrichedProbeMetric",
  "probe.nodes": "Node",
  "probe.alerts": "ProbeAlert",
} as const satisfies Record<keyof TopicValues, SchemaName>;

export type DecodeRecords<Topic extends keyof TopicValues> = (
  partition: number,
  records: readonly IncomingRecord[],
) => Promise<TopicRecord<Topic>[]>;

/**
 * Creates a function that decodes a partition's records with the schemas of their writers. It throws a TransientError
 * when the registry is unavailable, and an UndecodableError.
 *
 * @param options.onUndecodable called for each record that cannot be decoded, which is then skipped; without it the
 *   error is thrown
 */
export function createDecodeRecords<Topic extends keyof TopicValues>(options: {
  registry: SchemaRegistry;
  topic: Topic;
  onUndecodable?: ((error: UndecodableError) => void) | undefined;
}): DecodeRecords<Topic> {
  const { registry, topic, onUndecodable } = options;
  const readerSchema = readAvroSchema(SCHEMAS[topic]);
  const decoder = createRecordDecoder<TopicValues[Topic]>({ registry, readerSchema });

  return async (partition, records) => {
    await decoder.prepare(records.map(({ value }) => value));
    const decoded: TopicRecord<Topic>[] = [];
    for (const { offset: text, key, value, timestamp, headers } of records) {
      const offset = BigInt(text);
      const outcome = decoder.decode(value);
      if (outcome.kind === "dead") {
        const error = new UndecodableError({ topic, partition, offset }, outcome.reason.message);
        if (onUndecodable === undefined) throw error;
        onUndecodable(error);
        continue;
      }
      decoded.push({
        topic,
        partition,
        offset,
        key: key === null ? null : key.toString(),
        writtenAt: new Date(Number(timestamp)),
        headers: textOf(headers),
        value: outcome.value,
      });
    }
    return decoded;
  };
}

const NO_HEADERS = Object.freeze({});

/** Returns headers as text: empty if one has no value, and the first value if a name occurs twice. */
function textOf(headers: IncomingRecord["headers"]): Readonly<Record<string, string>> {
  if (headers === undefined) return NO_HEADERS;
  const entries = Object.entries(headers);
  if (entries.length === 0) return NO_HEADERS;
  return Object.fromEntries(
    entries.map(([name, value]) => [name, String((Array.isArray(value) ? value[0] : value) ?? "")]),
  );
}
