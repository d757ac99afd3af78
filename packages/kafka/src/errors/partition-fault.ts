/**
 * A partition cannot continue, and waiting does not help: its offset is not in the log, the log is another one, or a batch
 * cannot be read. Only this partition stops; its owner keeps it and periodically asks for its position again.
 */
export class PartitionFaultError extends Error {
  override readonly name = "PartitionFaultError";
  readonly reason: string;
  /** What an operator can do. */
  readonly advice: string;
  /** Stops until the position is moved: reading the same offset again could return another log's records. */
  readonly untilMoved: boolean;

  constructor(reason: string, advice: string, options: { untilMoved?: boolean } = {}) {
    super(`${reason}. ${advice}`);
    this.reason = reason;
    this.advice = advice;
    this.untilMoved = options.untilMoved ?? false;
  }
}

/** An offset, and the leader epoch of the record before it, by which a truncated log is noticed. */
export type EpochOffset = { readonly offset: bigint; readonly leaderEpoch: number };

/** Where a partition continues. */
export type Position = bigint | "beginning" | EpochOffset | PartitionFaultError;

export const offsetOf = (position: Exclude<Position, PartitionFaultError>): bigint | "beginning" =>
  typeof position === "object" ? position.offset : position;

/** The offset alone where the epoch is not known. */
export const epochOffset = (offset: bigint, leaderEpoch: number | undefined): Position =>
  leaderEpoch === undefined || leaderEpoch < 0 ? offset : { offset, leaderEpoch };
