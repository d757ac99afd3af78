import type { IncomingRecord, OutgoingRecord, RecordHeaders } from "../records.ts";
import { schemaIdOf } from "../registry/wire-format.ts";
import { TIMESTAMP_HEADER, VALUE_BYTES_HEADER } from "./reduced-dead-letter.ts";

/** A record of the dead-letter topic, with the values of its headers. */
export type DeadLetter = {
  /** Its partition of the dead-letter topic. */
  readonly partition: number;
  readonly offset: string;
  /** Original position. Dead letters with the same origin are the same one; the sink may write it twice. */
  readonly origin: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: string;
  };
  readonly service: string;
  /** The step of the service that failed. */
  readonly stage: string;
  readonly failureClass: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly failedAt: string;
  readonly schemaId: number | undefined;
  readonly replays: number;
  /** Kafka rejected the whole value: this is the beginning of a value of so many bytes. */
  readonly cutFromBytes: number | undefined;
  readonly record: IncomingRecord;
};

export type DeadLetterFilter = {
  readonly class?: string | undefined;
  readonly stage?: string | undefined;
  readonly topic?: string | undefined;
  /** Partition of the original topic. */
  readonly partition?: number | undefined;
  readonly key?: string | undefined;
  /** Failed at or after this time. */
  readonly since?: Moment | undefined;
  readonly until?: Moment | undefined;
  /** Only these, by their position in the dead-letter topic. */
  readonly letters?: readonly LetterPosition[] | undefined;
};

export type LetterPosition = { readonly partition: number; readonly offset: string };

/** A time as the user wrote it, and in ms since 1970. */
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
    stage: text("__connect.errors.stage") ?? "",
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
    (filter.stage === undefined || deadLetter.stage === filter.stage) &&
    (filter.topic === undefined || deadLetter.origin.topic === filter.topic) &&
    (filter.partition === undefined || deadLetter.origin.partition === filter.partition) &&
    (filter.key === undefined || String(deadLetter.record.key) === filter.key) &&
    (filter.since === undefined || failedAt >= filter.since.ms) &&
    !isAfter(deadLetter, filter) &&
    (filter.letters === undefined || filter.letters.some((letter) => isAt(deadLetter, letter)))
  );
}

const isAt = (deadLetter: DeadLetter, { partition, offset }: LetterPosition) =>
  deadLetter.partition === partition && deadLetter.offset === offset;

/** Returns whether a dead letter failed after the end of the filter's time range. */
export const isAfter = ({ failedAt }: DeadLetter, { until }: DeadLetterFilter): boolean =>
  until !== undefined && Date.parse(failedAt) >= until.ms;

/** Returns the original record, without the headers of the failure, and with a replay count that is one higher. */
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
