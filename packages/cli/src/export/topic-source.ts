import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import type { ExportRow } from "@fiberstream/parquet/columns";
import { isWithin, lengthOf, offsetRangesOf, type TimeRange } from "../options/time-range.ts";
import { schemaOf, type NamedTopic, type TopicAccess } from "../records/topic-access.ts";
import { columnsOf, type ExportChunk, type ExportSource, rowOf } from "./columns.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a time range of a topic of the catalogue, by the records' timestamps, partition by partition.
 *
 * @param options.onFault is called for each record that is skipped because it cannot be decoded
 * @throws {Error} when the topic has no schema
 */
export function topicSource(options: {
  access: Pick<TopicAccess, "kafka" | "registry">;
  named: NamedTopic;
  range: TimeRange;
  onFault: (message: string) => void;
}): ExportSource {
  const { access, named, range, onFault } = options;
  const readerSchema = schemaOf(named.catalogueName);
  if (readerSchema === undefined) {
    throw new Error(
      `${named.topic} has no schema in the catalogue. (To export dead letters: fiber dlq export)`,
    );
  }
  const columns = columnsOf(readerSchema);
  const { prepare, decode } = createRecordDecoder<Fields>({
    registry: access.registry,
    readerSchema,
  });

  async function* chunks(): AsyncGenerator<ExportChunk> {
    const offsetRanges = await offsetRangesOf(access.kafka, named.topic, range);
    const of = lengthOf(offsetRanges);
    let doneBefore = 0;
    const reader = await connectTopicReader({ kafka: access.kafka });
    try {
      for (const offsetRange of offsetRanges) {
        for await (const records of reader.read(named.topic, offsetRange)) {
          const wanted = records.filter(
            ({ value, timestamp }) => value !== null && isWithin(range, timestamp),
          );
          await prepare(wanted.map(({ value }) => value));
          const rows: ExportRow[] = [];
          for (const { value } of wanted) {
            const outcome = decode(value);
            if (outcome.kind === "ok") rows.push(rowOf(columns, outcome.value));
            else onFault(outcome.reason.message);
          }
          const at = BigInt(records.at(-1)?.offset ?? offsetRange.from);
          yield { rows, share: (doneBefore + Number(at - offsetRange.from)) / of };
        }
        doneBefore += Number(offsetRange.until - offsetRange.from);
      }
    } finally {
      await reader.close();
    }
  }
  return { columns, chunks: chunks() };
}
