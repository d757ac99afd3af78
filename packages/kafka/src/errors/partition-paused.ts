/**
 * A batch is not to be worked on now, and nothing is wrong with the world: its partition stops, the
 * others go on. Thrown out of `processBatch`.
 */
export class PartitionPausedError extends Error {
  override readonly name = "PartitionPausedError";
  /** Settles when the batch is to be tried again. */
  readonly resumed: Promise<void>;

  constructor(message: string, resumed: Promise<void>) {
    super(message);
    this.resumed = resumed;
  }
}
