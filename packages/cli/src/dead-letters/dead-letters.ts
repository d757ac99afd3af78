import type { IncomingRecord, OutgoingRecord, RecordHeaders } from "@fiberstream/kafka/records";
import { TIMESTAMP_HEADER, VALUE_BYTES_HEADER } from "@fiberstream/kafka/reduced-dead-letter";
import { schemaIdOf } from "@fiberstream/kafka/wire-format";

/** A record of the dead-letter topic, and what its headers say. */
export type DeadLetter = {
  /** Where it stands in the dead-letter topic. */
  readonly partition: number;
  readonly offset: string;
  /** Where it stood: dead letters with the same origin are one, which the sink may write twice. */
  readonly origin: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: string;
  };
  readonly service: string;
  readonly failureClass: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly failedAt: string;
  readonly schemaId: number | undefined;
  readonly replays: number;
  /** Kafka did not take the whole value: this is the beginning of one of so many bytes. */
  readonly cutFromBytes: number | undefined;
  readonly record: IncomingRecord;
};

export type DeadLetterFilter = {
  readonly class?: string | undefined;
  readonly topic?: string | undefined;
  /** Of the topic that it came from. */
  readonly partition?: number | undefined;
  readonly key?: string | undefined;
  /** By when it failed: from the first, up to the second. */
  readonly since?: Moment | undefined;
  readonly until?: Moment | undefined;
};

/** A time as it was written, and in ms since 1970. */
export type Moment = { readonly text: string; readonly ms: number };

export function readDeadLetter(partition: number, record: IncomingRecord): DeadLetter {
  const text = (name: string) => headerText(record.headers, name);
  return {
    partition,
    offset: record.offset,
    origin: {
      topic: text("__connect.errors.topic") ?? "",
      partition: Number(text("__connect.errors.partition") ?? -1),
      offset: text("__connect.errors.offset") ?? "",
    },
    service: text("__connect.errors.connector.name") ?? "",
    failureClass: text("fiber.dlq.failure-class") ?? "unknown",
    reason: text("__connect.errors.exception.message") ?? "",
    failedAt: text("fiber.dlq.failed-at") ?? "",
    schemaId: schemaIdOf(record.value),
    replays: Number(text(REPLAY_COUNT) ?? 0),
    cutFromBytes: numberIn(text(VALUE_BYTES_HEADER)),
    record,
  };
}

const numberIn = (text: string | undefined) => (text === undefined ? undefined : Number(text));

export const originOf = ({ origin }: DeadLetter): string =>
  `${origin.topic}:${origin.partition}:${origin.offset}`;

export function matches(deadLetter: DeadLetter, filter: DeadLetterFilter): boolean {
  const failedAt = Date.parse(deadLetter.failedAt);
  return (
    (filter.class === undefined || deadLetter.failureClass === filter.class) &&
    (filter.topic === undefined || deadLetter.origin.topic === filter.topic) &&
    (filter.partition === undefined || deadLetter.origin.partition === filter.partition) &&
    (filter.key === undefined || String(deadLetter.record.key) === filter.key) &&
    (filter.since === undefined || failedAt >= filter.since.ms) &&
    !isAfter(deadLetter, filter)
  );
}

/** Put aside after all that the filter takes. */
export const isAfter = ({ failedAt }: DeadLetter, { until }: DeadLetterFilter): boolean =>
  until !== undefined && Date.parse(failedAt) >= until.ms;

/** The record as it was, with nothing of why it failed, and one replay more. */
export function replayOf({ record, replays }: DeadLetter): OutgoingRecord {
  const own = Object.entries(record.headers ?? {}).filter(
    ([name]) => !ERROR_HEADERS.some((prefix) => name.startsWith(prefix)),
  );
  return {
    key: record.key,
    value: record.value,
    timestamp: headerText(record.headers, TIMESTAMP_HEADER) ?? record.timestamp,
    headers: { ...Object.fromEntries(own), [REPLAY_COUNT]: String(replays + 1) },
  };
}

const REPLAY_COUNT = "fiber.dlq.replay-count";
const ERROR_HEADERS = ["__connect.errors.", "__dlq.errors.", "fiber.dlq."];

export function headerText(headers: RecordHeaders | undefined, name: string): string | undefined {
  const header = headers?.[name];
  return (Array.isArray(header) ? header[0] : header)?.toString();
}
