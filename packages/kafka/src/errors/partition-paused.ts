/**
 * A batch must not be processed now, and no dependency is at fault: its partition pauses, the others continue. Thrown out of
 * `processBatch`.
 */
export class PartitionPausedError extends Error {
  override readonly name = "PartitionPausedError";
  /** Settles when the batch should be retried. */
  readonly resumed: Promise<void>;

  constructor(message: string, resumed: Promise<void>) {
    super(message);
    this.resumed = resumed;
  }
}
