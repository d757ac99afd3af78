import { deadLetterOf } from "@fiberstream/kafka/dead-letter";
import type { Producer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { typeOf } from "@fiberstream/kafka/kafka-errors";
import { isReducibleRefusal, reducedDeadLetter } from "@fiberstream/kafka/reduced-dead-letter";
import { traceIdOf } from "@fiberstream/kafka/batch-spans";
import type { Log } from "@fiberstream/runtime/log";
import type { DeadRecord } from "./row-reader.ts";

export type SendDeadLetters = (
  dead: readonly DeadRecord[],
  stage: "decode" | "write",
) => Promise<void>;

/**
 * The returned function resolves when all in-sync replicas have the dead letters, so that the offset
 * may move past their records. A batch that is tried again sends them again: they tell their origin.
 * It throws TransientError and FatalError.
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

  /** One that the topic refuses goes with less in it: else its partition would wait for ever. */
  const send = async (letters: readonly OutgoingRecord[]): Promise<void> => {
    try {
      await producer.send(topic, letters);
    } catch (error) {
      const type = typeOf(error);
      if (!isReducibleRefusal(type)) throw error;
      if (letters.length > 1) {
        for (const letter of letters) await send([letter]);
        return;
      }
      const [refused] = letters;
      const lesser = refused && reducedDeadLetter(refused, type);
      if (lesser === undefined) throw error;
      await send([lesser]);
    }
  };

  return async (dead, stage) => {
    const [first] = dead;
    if (first === undefined) return;
    const failedAt = new Date(nowMs());
    const letters = dead.map(({ record, batch, reason }) => {
      const { topic: from, partition } = batch;
      const origin = { topic: from, partition, groupId, service: "sink-writer", stage };
      return deadLetterOf(record, origin, reason, failedAt);
    });
    try {
      for (const portion of portionsOf(letters)) await send(portion);
    } catch (error) {
      countFailedWrite();
      throw error;
    }
    // The first stands for all: a batch of bad records must not flood the log.
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

/** A broker refuses more than 1 MB for a partition at once; what a letter's headers add is about 1 KB. */
const MAX_PORTION_BYTES = 512 * 1_024;
const HEADERS_BYTES = 1_024;

function* portionsOf(letters: readonly OutgoingRecord[]): Iterable<OutgoingRecord[]> {
  let portion: OutgoingRecord[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const letterBytes = (letter.value?.length ?? 0) + HEADERS_BYTES;
    if (portion.length > 0 && bytes + letterBytes > MAX_PORTION_BYTES) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(letter);
    bytes += letterBytes;
  }
  yield portion;
}
