import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import type { PipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import type { IncomingRecord, OutgoingRecord, RecordBatch } from "@fiberstream/kafka/records";
import type { TransactionalProducer } from "@fiberstream/kafka/transactional-producer";
import type { Outcome } from "@fiberstream/runtime/outcome";
import type { RawEvent, RawEventDecoder } from "./decode-raw.ts";
import type { Enrich } from "./enrich.ts";
import type { NodeLookup } from "./node-lookup.ts";

/**
 * The life of a batch of raw records: decoded, enriched with their nodes' data, routed, and produced in
 * one Kafka transaction together with the offset that says it is done. What cannot be decoded goes to
 * the dead-letter topic in the same transaction.
 *
 * @throws {TransientError} nothing of the batch is seen downstream, or all of it is: ask for the committed offset
 */
export function createBatchProcessor(steps: {
  decoder: RawEventDecoder;
  lookupNodes: NodeLookup;
  enrich: Enrich;
  producerOf: (partition: number) => TransactionalProducer;
  topics: { enriched: string; deadLetter: string };
  groupId: string;
  metrics: PipelineMetrics;
}): (batch: RecordBatch) => Promise<void> {
  const { decoder, lookupNodes, enrich, producerOf, topics, groupId, metrics } = steps;

  return async (batch) => {
    await decoder.prepare(batch.records);
    const decoded = batch.records.map((record) => ({ record, outcome: decoder.decode(record) }));
    const nodes = await lookupNodes(eventsOf(decoded));

    const enriched: OutgoingRecord[] = [];
    const deadLetters: OutgoingRecord[] = [];
    for (const { record, outcome } of decoded) {
      if (outcome.kind === "ok") enriched.push(enrich(record, outcome.value, nodes));
      else
        deadLetters.push(
          deadLetterOf(record, originOf(batch, groupId), outcome.reason, new Date()),
        );
    }

    await producerOf(batch.partition).transaction(async (transaction) => {
      await transaction.send(topics.enriched, enriched);
      await transaction.send(topics.deadLetter, deadLetters);
      await transaction.commitOffset({ groupId, ...positionAfter(batch) });
    });
    countOutcomes(metrics, decoded);
  };
}

const positionAfter = ({ topic, partition, nextOffset }: RecordBatch) => ({
  topic,
  partition,
  nextOffset,
});

type Decoded = readonly { record: IncomingRecord; outcome: Outcome<RawEvent> }[];

const eventsOf = (decoded: Decoded): RawEvent[] =>
  decoded.flatMap(({ outcome }) => (outcome.kind === "ok" ? [outcome.value] : []));

const originOf = ({ topic, partition }: RecordBatch, groupId: string) => ({
  topic,
  partition,
  groupId,
  service: "stream-processor",
  stage: "decode",
});

function countOutcomes(metrics: PipelineMetrics, decoded: Decoded): void {
  let okCount = 0;
  for (const { outcome } of decoded) {
    if (outcome.kind === "ok") okCount++;
    else metrics.deadLetters(outcome.reason.failureClass, 1);
  }
  metrics.records("ok", okCount);
  metrics.records("dead", decoded.length - okCount);
}
