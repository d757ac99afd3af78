/**
 * Where a group begins in a partition without a committed offset: at the first record of the topic, after the last one,
 * at the first record that was written at or after a time, or at an offset for each partition (partitions without one
 * begin at their first record).
 */
export type From = "earliest" | "latest" | Date | Readonly<Record<number, bigint>>;
