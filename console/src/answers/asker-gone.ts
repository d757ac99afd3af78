/** Nobody waits for the answer any more: all who asked have disconnected. It is the reason of the signals that say so. */
export class AskerGone extends Error {
  override readonly name = "AskerGone";

  constructor() {
    super("the asker has disconnected");
  }
}
