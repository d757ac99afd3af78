/** Who is affected by a change of a schema. */
export type Victim =
  /** Consumers that were built with an earlier version and read new records. */
  | "old consumers"
  /** Consumers that are built with the new schema and read the topic's existing records. */
  | "new consumers"
  | "old and new consumers"
  /** Readers that use the order of fields: the processor, which copies bytes, and exports by column. */
  | "readers by position"
  /** No program stops, but people and queries misinterpret a value. */
  | "everybody who uses the value"
  /** Readers of the catalogue or of the generated types. */
  | "whoever reads the catalogue";

/** A rule that a schema breaks, in words for the author of the change. */
export type Fault = {
  /** The field concerned; undefined for the record as a whole. */
  readonly field?: string;
  /** The change or omission, as the predicate of a sentence: "was removed". */
  readonly what: string;
  readonly breaks: Victim;
  /** Why it breaks them. */
  readonly because: string;
  /** What to do instead. */
  readonly instead: string;
};
