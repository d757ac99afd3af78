import type { Code } from "./codes.ts";

/** A single fault of a request: which parameter or field, and what is wrong with it. */
export type Fault = { readonly field: string; readonly message: string };

/** The question is not answered. The answer is a problem document. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: Code;
  readonly headers: Readonly<Record<string, string>>;
  readonly faults: readonly Fault[];

  /** @param detail what was wrong, what is allowed and what to do, in one or two sentences */
  constructor(
    code: Code,
    detail: string,
    options: { headers?: Readonly<Record<string, string>>; faults?: readonly Fault[] } = {},
  ) {
    super(detail);
    this.code = code;
    this.headers = options.headers ?? {};
    this.faults = options.faults ?? [];
  }
}
