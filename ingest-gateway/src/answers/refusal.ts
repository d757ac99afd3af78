import { HttpRefusal } from "@fiberstream/http/refusal";
import type { Code, IndexedFault } from "./codes.ts";

/** The whole request is refused and nothing of it was stored. */
export class Refusal extends HttpRefusal<Code, IndexedFault> {}
