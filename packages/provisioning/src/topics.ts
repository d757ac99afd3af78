import type { KafkaSecurity, RegistrySecurity } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { readOffsetRetention } from "@fiberstream/kafka/offset-retention";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { ensureTopics, type WantedTopic } from "@fiberstream/kafka/topic-admin";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import type { Log } from "@fiberstream/runtime/log";
import { avroTopics } from "@fiberstream/schemas/avro-topics";
import { type Topic, type TopicName, TOPICS } from "@fiberstream/schemas/topics";
import { offsetRetentionWarnings } from "./offset-retention.ts";
import { registerSchema } from "./register-schema.ts";

const CATALOGUE = Object.entries<Topic>(TOPICS) as [TopicName, Topic][];

/**
 * Creates the catalogue's topics and registers their schemas. It also warns of brokers that delete offsets too early.
 *
 * @param options.namespace prefix of the topics' names on this cluster
 * @param options.setsRetention sets the retention of existing topics to that of the catalogue. By default a different
 *   retention is only reported: an operator may have raised it in an outage, and an upgrade must not delete records
 * @param options.beginsAgain deletes schemas from before they began again with version 1 (see register-schema.ts)
 * @param options.print gets a line for each change and warning
 * @throws {TransientError} when Kafka or the registry is unavailable
 * @throws {FatalError} when one of them rejects a change, or a schema is not compatible with an earlier version
 */
export async function deployTopics(options: {
  brokers: readonly string[];
  security?: KafkaSecurity;
  schemaRegistryUrl: string;
  registrySecurity?: RegistrySecurity;
  namespace: string;
  setsRetention?: boolean;
  beginsAgain?: boolean;
  log: Log;
  print: (line: string) => void;
}): Promise<void> {
  const { namespace, setsRetention = false, beginsAgain = false, print } = options;
  let changes = 0;
  const report = (line: string) => {
    changes++;
    print(line);
  };

  const kafka = createKafka({ ...options, clientId: "fiberstream-deploy" });
  const wanted = CATALOGUE.map(([name, topic]) =>
    wantedTopic(topicIn(namespace, name), topic, setsRetention),
  );
  for (const { topic, changes: made, left } of await ensureTopics({ kafka, topics: wanted })) {
    for (const change of made) report(`topic ${topic}: ${change}`);
    for (const { name, is, wanted: catalogues } of left) {
      print(
        `topic ${topic}: ${name} stays ${is}, the catalogue has ${catalogues} (to change it: TOPICS_SET_RETENTION=true)`,
      );
    }
  }

  const access = {
    url: options.schemaRegistryUrl,
    ...(options.registrySecurity && { security: options.registrySecurity }),
  };
  const registry = createSchemaRegistry(access);
  for (const topic of avroTopics()) {
    const subject = subjectOf(topicIn(namespace, topic));
    const registered = await registerSchema({ registry, ...access, topic, subject, beginsAgain });
    registered.forEach(report);
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
      // Kafka has this setting since 3.6.
      ...(timestampsAhead !== undefined && { "message.timestamp.after.max.ms": MAX_MS }),
      // The largest record of another topic (1 MB), and the headers that a dead letter adds.
      ...(value === "original bytes" && { "max.message.bytes": String(2 * 1_024 * 1_024) }),
    },
  };
}

/** The maximum: no limit. */
const MAX_MS = "9223372036854775807";
