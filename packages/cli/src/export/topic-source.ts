import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { isWithin, lengthOf, stretchesOf, type TimeRange } from "../options/time-range.ts";
import { schemaOf, type NamedTopic, type TopicAccess } from "../records/topic-access.ts";
import { columnsOf, type ExportPart, type ExportRow, type ExportSource, rowOf } from "./columns.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * A time range of a topic of the catalogue, by its records' timestamps; a partition after another.
 * @param options.onFault is told of each record that is left out because it cannot be decoded
 * @throws {Error} when the topic has no schema of its own
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
      `${named.topic} has no schema in the catalogue (dead letters: fiber dlq export)`,
    );
  }
  const columns = columnsOf(readerSchema);
  const { prepare, decode } = createRecordDecoder<Fields>({
    registry: access.registry,
    readerSchema,
  });

  async function* parts(): AsyncGenerator<ExportPart> {
    const stretches = await stretchesOf(access.kafka, named.topic, range);
    const of = lengthOf(stretches);
    let doneBefore = 0;
    const reader = await connectTopicReader({ kafka: access.kafka });
    try {
      for (const stretch of stretches) {
        for await (const records of reader.read(named.topic, stretch)) {
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
          const at = BigInt(records.at(-1)?.offset ?? stretch.from);
          yield { rows, share: (doneBefore + Number(at - stretch.from)) / of };
        }
        doneBefore += Number(stretch.until - stretch.from);
      }
    } finally {
      await reader.close();
    }
  }
  return { columns, parts: parts() };
}
