import { HttpRefusal } from "@fiberstream/http/refusal";
import type { Code } from "./codes.ts";

/** A single fault of a request: which parameter or field, and what is wrong with it. */
export type Fault = { readonly field: string; readonly message: string };

/** The question is not answered. */
export class Refusal extends HttpRefusal<Code, Fault> {}
