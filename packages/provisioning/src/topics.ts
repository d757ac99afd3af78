import type { KafkaSecurity, RegistrySecurity } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { readOffsetRetention } from "@fiberstream/kafka/offset-retention";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { ensureTopics, type WantedTopic } from "@fiberstream/kafka/topic-admin";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import type { Log } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { type Topic, type TopicName, TOPICS } from "@fiberstream/schemas/topics";
import { offsetRetentionWarnings } from "./offset-retention.ts";

const CATALOGUE = Object.entries<Topic>(TOPICS) as [TopicName, Topic][];

/**
 * Creates the catalogue's topics and registers their schemas. Warns of brokers that forget offsets too soon, which is
 * no topic's setting.
 *
 * @param options.namespace prefix of the topics' names on this cluster
 * @param options.setsRetention has topics keep their records as long as the catalogue says; else what an operator has
 *   set stays, and is told: a topic that was let keep more in an outage must not lose it to the next upgrade
 * @param options.print is given a line for each change and warning
 * @throws {TransientError} when Kafka or the registry is away
 * @throws {FatalError} when one refuses, or a schema is not compatible with an earlier version
 */
export async function deployTopics(options: {
  brokers: readonly string[];
  security?: KafkaSecurity;
  schemaRegistryUrl: string;
  registrySecurity?: RegistrySecurity;
  namespace: string;
  setsRetention?: boolean;
  log: Log;
  print: (line: string) => void;
}): Promise<void> {
  const { namespace, setsRetention = false, print } = options;
  let changes = 0;
  const tell = (line: string) => {
    changes++;
    print(line);
  };

  const kafka = createKafka({ ...options, clientId: "fiberstream-deploy" });
  const wanted = CATALOGUE.map(([name, topic]) =>
    wantedTopic(topicIn(namespace, name), topic, setsRetention),
  );
  for (const { topic, changes: made, left } of await ensureTopics({ kafka, topics: wanted })) {
    for (const change of made) tell(`topic ${topic}: ${change}`);
    for (const { name, is, wanted: catalogues } of left) {
      print(
        `topic ${topic}: ${name} stays ${is}, the catalogue has ${catalogues} (TOPICS_SET_RETENTION=true sets it)`,
      );
    }
  }

  const registry = createSchemaRegistry({
    url: options.schemaRegistryUrl,
    ...(options.registrySecurity && { security: options.registrySecurity }),
  });
  for (const [name, { value }] of CATALOGUE) {
    if (typeof value === "string") continue;
    const subject = subjectOf(topicIn(namespace, name));
    const { id, change } = await registry.register(subject, readAvroSchema(value.avro));
    if (change === "registered") tell(`subject ${subject}: ${value.avro} registered with id ${id}`);
  }
  if (changes === 0) print("topics and schemas are up to date");
  offsetRetentionWarnings(await readOffsetRetention(kafka)).forEach(print);
}

function wantedTopic(topic: string, entry: Topic, setsRetention: boolean): WantedTopic {
  const { partitions, cleanup, retentionMs, timestamps, timestampsAhead, value } = entry;
  const retention: Record<string, string> =
    retentionMs === undefined ? {} : { "retention.ms": String(retentionMs) };
  return {
    topic,
    partitions,
    firstConfig: setsRetention ? {} : retention,
    config: {
      ...(setsRetention && retention),
      "cleanup.policy": cleanup,
      ...(timestamps !== undefined && { "message.timestamp.type": timestamps }),
      // Kafka 3.6 and later know it.
      ...(timestampsAhead !== undefined && { "message.timestamp.after.max.ms": MOST_MS }),
      // The largest record that another topic takes (1 MB), and the headers that it is given here.
      ...(value === "original bytes" && { "max.message.bytes": String(2 * 1_024 * 1_024) }),
    },
  };
}

/** The largest that there is: no bound. */
const MOST_MS = "9223372036854775807";
