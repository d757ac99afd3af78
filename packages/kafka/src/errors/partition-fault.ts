/**
 * A partition cannot go on, and waiting does not help: its offset is not in the log, the log is another one, a
 * batch cannot be read. Only this partition stops; its owner keeps it and asks for its position again now and then.
 */
export class PartitionFaultError extends Error {
  override readonly name = "PartitionFaultError";
  readonly reason: string;
  /** What an operator can do. */
  readonly advice: string;
  /** Looking at the same place again would not tell: what is there now may be another log's. */
  readonly untilMoved: boolean;

  constructor(reason: string, advice: string, options: { untilMoved?: boolean } = {}) {
    super(`${reason}. ${advice}`);
    this.reason = reason;
    this.advice = advice;
    this.untilMoved = options.untilMoved ?? false;
  }
}

/** An offset with the epoch of the leader that had taken the record before it: it tells whether the log was cut back. */
export type EpochOffset = { readonly offset: bigint; readonly leaderEpoch: number };

/** Where a partition goes on. */
export type Position = bigint | "beginning" | EpochOffset | PartitionFaultError;

export const offsetOf = (position: Exclude<Position, PartitionFaultError>): bigint | "beginning" =>
  typeof position === "object" ? position.offset : position;

/** The offset alone where the epoch is not known. */
export const epochOffset = (offset: bigint, leaderEpoch: number | undefined): Position =>
  leaderEpoch === undefined || leaderEpoch < 0 ? offset : { offset, leaderEpoch };
