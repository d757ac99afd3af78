/**
 * The world's faults (a record's own fault is a value, see `outcome.ts`).
 * Every error carries advice: what an operator can do about it.
 */

/** A dependency is unavailable or busy: back off, read again, commit nothing. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  /** The dependency at fault, a bounded label: "kafka", "registry", "postgres", "redis". */
  readonly dependency: Dependency;

  constructor(dependency: Dependency, message: string, options?: ErrorOptions) {
    super(message, options);
    this.dependency = dependency;
  }
}

/** Continuing would lose or damage data, or cannot succeed without an operator: stop, be not ready. */
export class FatalError extends Error {
  override readonly name = "FatalError";
  readonly advice: string;

  constructor(message: string, advice: string, options?: ErrorOptions) {
    super(`${message}. ${advice}`, options);
    this.advice = advice;
  }
}

export const DEPENDENCIES = ["kafka", "registry", "postgres", "redis"] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === "") {
    return thrown.errors.map(messageOf).join("; ");
  }
  // A realm of its own (a test runner's, say) has an Error of its own: ask for the shape instead.
  if (typeof thrown === "object" && thrown !== null && "message" in thrown) {
    return String(thrown.message);
  }
  return String(thrown);
}
