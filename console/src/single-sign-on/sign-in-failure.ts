import { Refusal } from "../answers/refusal.ts";

/** What became of a sign-in by the provider. */
export const SIGN_IN_OUTCOMES = [
  "succeeded",
  "expired",
  "denied",
  "replayed",
  "forged",
  "refused",
  "unavailable",
] as const;
export type SignInOutcome = (typeof SIGN_IN_OUTCOMES)[number];

/** A sign-in that did not succeed for a reason that is not ours. */
export class SignInFailure extends Error {
  override readonly name = "SignInFailure";
  readonly outcome: "expired" | "denied" | "replayed" | "forged";

  /** @param detail what happened, for the person in front of the browser */
  constructor(outcome: SignInFailure["outcome"], detail: string) {
    super(detail);
    this.outcome = outcome;
  }
}

export const refusalOf = ({ message }: SignInFailure): Refusal =>
  new Refusal("SIGN_IN_FAILED", `${message}: sign in again`);

/** Returns the outcome that is counted for what a sign-in has thrown. */
export function outcomeOf(error: unknown): SignInOutcome | undefined {
  if (error instanceof SignInFailure) return error.outcome;
  if (!(error instanceof Refusal)) return undefined;
  return error.code === "SIGN_IN_REFUSED" ? "refused" : "unavailable";
}
