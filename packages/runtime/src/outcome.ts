/** The result of processing one record. Errors of dependencies are thrown instead, see `errors.ts`. */
export type Outcome<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "dead"; readonly reason: DeadReason };

/** Why a record is dead-lettered, as written into the dead letter's headers. */
export type DeadReason = {
  /** Used as a metric label and in filters. */
  readonly failureClass: FailureClass;
  /** One sentence without values of the payload. */
  readonly message: string;
  /** The id in the record's wire prefix, if there is one. */
  readonly schemaId?: number;
  readonly cause?: unknown;
};

export const FAILURE_CLASSES = [
  "not-avro",
  "unknown-schema",
  "undecodable",
  "invalid-record",
  "too-old",
  "in-future",
  "row-refused",
  "record-refused",
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

export const ok = <T>(value: T): Outcome<T> => ({ kind: "ok", value });
export const dead = (reason: DeadReason): Outcome<never> => ({ kind: "dead", reason });
