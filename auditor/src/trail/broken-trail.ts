/** What finds that the trail was changed. */
export const GUARDS = ["gap", "chain", "bytes", "head", "copy", "checkpoint", "signature"] as const;
export type Guard = (typeof GUARDS)[number];

/**
 * The trail does not continue what was published or signed before. The auditor publishes and signs nothing any more: it would
 * confirm a trail that somebody has changed.
 */
export class BrokenTrailError extends Error {
  override readonly name = "BrokenTrailError";
  readonly guard: Guard;

  constructor(guard: Guard, message: string) {
    super(message);
    this.guard = guard;
  }
}
