/**
 * A partition cannot go on, and waiting does not help: its offset is not in the log, the log is another one, a
 * batch cannot be read. Only this partition stops; its owner keeps it and asks for its position again now and then.
 */
export class PartitionFaultError extends Error {
  override readonly name = "PartitionFaultError";
  readonly reason: string;
  /** What an operator can do. */
  readonly advice: string;

  constructor(reason: string, advice: string) {
    super(`${reason}. ${advice}`);
    this.reason = reason;
    this.advice = advice;
  }
}

/** Where a partition goes on. */
export type Position = bigint | "beginning" | PartitionFaultError;
