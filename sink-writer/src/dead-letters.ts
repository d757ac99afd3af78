import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import type { Producer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { typeOf } from "@fiberstream/kafka/kafka-errors";
import { isReducibleRefusal, reducedDeadLetter } from "@fiberstream/kafka/reduced-dead-letter";
import { traceIdOf } from "@fiberstream/kafka/batch-spans";
import type { Log } from "@fiberstream/runtime/log";
import type { DeadRecord } from "./rows/row-reader.ts";

export type SendDeadLetters = (
  dead: readonly DeadRecord[],
  stage: "decode" | "write",
) => Promise<void>;

/**
 * Returns a function that resolves when all in-sync replicas have the dead letters, so that the offset
 * may move past their records. A batch that is retried sends them again; readers recognize them by their origin.
 * The function throws TransientError and FatalError.
 */
export function createSendDeadLetters(options: {
  producer: Producer;
  topic: string;
  groupId: string;
  nowMs: () => number;
  countFailedWrite: () => void;
  log: Log;
}): SendDeadLetters {
  const { producer, topic, groupId, nowMs, countFailedWrite, log } = options;

  /** Reduces a dead letter that the topic rejects and sends it again: otherwise its partition would never continue. */
  const send = async (deadLetters: readonly OutgoingRecord[]): Promise<void> => {
    try {
      await producer.send(topic, deadLetters);
    } catch (error) {
      const type = typeOf(error);
      if (!isReducibleRefusal(type)) throw error;
      if (deadLetters.length > 1) {
        for (const deadLetter of deadLetters) await send([deadLetter]);
        return;
      }
      const [refused] = deadLetters;
      const reduced = refused && reducedDeadLetter(refused, type);
      if (reduced === undefined) throw error;
      await send([reduced]);
    }
  };

  return async (dead, stage) => {
    const [first] = dead;
    if (first === undefined) return;
    const failedAt = new Date(nowMs());
    const deadLetters = dead.map(({ record, batch, reason }) => {
      const { topic: from, partition } = batch;
      const origin = { topic: from, partition, groupId, service: "sink-writer", stage };
      return deadLetterOf(record, origin, reason, failedAt);
    });
    try {
      for (const chunk of chunksOf(deadLetters)) await send(chunk);
    } catch (error) {
      countFailedWrite();
      throw error;
    }
    // One line with the first record for all of them: a batch of bad records must not flood the log.
    const { topic: from, partition } = first.batch;
    const { offset, headers } = first.record;
    const reason = first.reason.message;
    const traceId = traceIdOf(headers);
    log.warn(
      { topic: from, partition, offset, stage, reason, count: dead.length, "trace.id": traceId },
      "records dead-lettered",
    );
  };
}

/** A broker rejects more than 1 MB for a partition at once; a dead letter's headers add about 1 KB. */
const MAX_CHUNK_BYTES = 512 * 1_024;
const HEADERS_BYTES = 1_024;

function* chunksOf(deadLetters: readonly OutgoingRecord[]): Iterable<OutgoingRecord[]> {
  let chunk: OutgoingRecord[] = [];
  let bytes = 0;
  for (const deadLetter of deadLetters) {
    const deadLetterBytes = (deadLetter.value?.length ?? 0) + HEADERS_BYTES;
    if (chunk.length > 0 && bytes + deadLetterBytes > MAX_CHUNK_BYTES) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(deadLetter);
    bytes += deadLetterBytes;
  }
  yield chunk;
}
