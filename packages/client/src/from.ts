/**
 * Where a group begins in a partition of which it has done nothing yet: at the first record that is
 * kept, behind the last one, at the first one written at or after a time, or at an offset of each
 * partition (those that are not named begin at their first record).
 */
export type From = "earliest" | "latest" | Date | Readonly<Record<number, bigint>>;
