import { TransientError } from "@fiberstream/runtime/errors";

/**
 * What the partition's owner has of the records before the batch does not fit the batch, so a retry of the same batch would
 * fail again: the position is asked for again, with `replayFrom`. Thrown out of `processBatch`.
 */
export class BatchUnreadyError extends TransientError {
  constructor(message: string) {
    super("kafka", message);
  }
}
