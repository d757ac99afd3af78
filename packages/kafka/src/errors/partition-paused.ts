/**
 * A batch is not to be worked on now, and nothing is wrong with the world: its partition stops, the
 * others go on. Thrown out of `processBatch`.
 */
export class HeldBackError extends Error {
  override readonly name = "HeldBackError";
  /** Settles when the batch is to be tried again. */
  readonly released: Promise<void>;

  constructor(message: string, released: Promise<void>) {
    super(message);
    this.released = released;
  }
}
