/**
 * Errors of dependencies and of the process. (An error of a record is a value, see `outcome.ts`.)
 */

/** A dependency is unavailable or busy: back off, read the batch again, commit nothing. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  /** Used as a metric label. */
  readonly dependency: Dependency;

  constructor(dependency: Dependency, message: string, options?: ErrorOptions) {
    super(message, options);
    this.dependency = dependency;
  }
}

/** Continuing would lose or damage data, or cannot succeed without an operator: stop and become not ready. */
export class FatalError extends Error {
  override readonly name = "FatalError";
  /** What an operator can do. */
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
  // Not instanceof: a test runner, for example, has another realm with its own Error class.
  if (typeof thrown === "object" && thrown !== null && "message" in thrown) {
    return String(thrown.message);
  }
  return String(thrown);
}
