/** Who is hurt by a change of a schema. */
export type Victim =
  /** Consumers that were built with an earlier version and read new records. */
  | "old consumers"
  /** Consumers that are built with the new schema and read records that lie in the topic. */
  | "new consumers"
  | "old and new consumers"
  /** Those that take values by place: the processor, which copies bytes, and column-wise exports. */
  | "readers by position"
  /** Nobody's program stops, but people and queries take a value for what it is not. */
  | "everybody who uses the value"
  /** Those that look a field up, in the catalogue or in their generated types. */
  | "whoever reads the catalogue";

/** Something that a schema must not have or do, in words for whoever made the change. */
export type Fault = {
  /** The field at fault; undefined when it is the record as a whole. */
  readonly field?: string;
  /** What was done or left out, as a sentence's end: "is gone". */
  readonly what: string;
  readonly breaks: Victim;
  /** What happens to them. */
  readonly because: string;
  /** What to do instead. */
  readonly instead: string;
};
