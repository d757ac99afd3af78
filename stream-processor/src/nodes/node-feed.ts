import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { followTopic, type TopicFollower } from "@fiberstream/kafka/topic-follower";
import type { Log } from "@fiberstream/runtime/log";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { Node } from "@fiberstream/schemas/generated/records";
import type { NodeData } from "./node-data.ts";

/**
 * Updates the caches from the topic probe.nodes: at the start with all of its records, then with each change. Every
 * processor reads the whole topic, because each has its own cache in memory.
 */
export function followNodes(options: {
  kafka: KafkaClient;
  topic: string;
  registry: SchemaRegistry;
  schema: RecordSchema;
  memory: { set: (node: NodeData) => void; forget: (nodeId: string) => void };
  redis: {
    setMany: (nodes: readonly NodeData[]) => Promise<void>;
    forgetMany: (nodeIds: readonly string[]) => Promise<void>;
  };
  log: Log;
}): TopicFollower {
  const { kafka, topic, registry, memory, redis, log } = options;
  const decoder = createRecordDecoder<Node>({ registry, readerSchema: options.schema });

  const onRecords = async (records: readonly IncomingRecord[]) => {
    await decoder.prepare(records.map(({ value }) => value).filter((value) => value !== null));
    const latest = new Map<string, NodeData | undefined>();
    for (const { key, value } of records) {
      const outcome = value === null ? undefined : decoder.decode(value);
      if (outcome?.kind === "dead")
        log.warn({ topic, reason: outcome.reason.message }, "skipped undecodable node record");
      else latest.set(String(key), outcome && dataOf(outcome.value));
    }
    const nodes = [...latest.values()].filter((node) => node !== undefined);
    const gone = [...latest].flatMap(([nodeId, node]) => (node === undefined ? [nodeId] : []));
    nodes.forEach(memory.set);
    gone.forEach(memory.forget);
    await redis.setMany(nodes);
    await redis.forgetMany(gone);
  };
  return followTopic({ kafka, topic, onRecords, log });
}

const dataOf = ({
  tenant: _tenant,
  probe_version: _version,
  created_at: _created,
  updated_at: _updated,
  ...data
}: Node): NodeData => ({ ...data });
