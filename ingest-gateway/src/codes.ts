/** What every code of an answer means: its status, a short title, and when a new try makes sense. */
export const CODES = {
  MALFORMED_JSON: { status: 400, title: "The body is not JSON" },
  MALFORMED_BATCH: { status: 400, title: "The body is not a batch of events" },
  MALFORMED_HTTP: { status: 400, title: "The request is not HTTP" },
  BAD_ENCODING: { status: 400, title: "The body is not in the encoding that it claims" },
  NOT_FOUND: { status: 404, title: "There is no such route" },
  METHOD_NOT_ALLOWED: { status: 405, title: "The route does not have this method" },
  REQUEST_TIMEOUT: { status: 408, title: "The request took too long to arrive" },
  PAYLOAD_TOO_LARGE: { status: 413, title: "The request is too large" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "The body is of a kind that is not read here" },
  REQUIRED: { status: 422, title: "A field is missing" },
  WRONG_TYPE: { status: 422, title: "A field has the wrong type" },
  OUT_OF_RANGE: { status: 422, title: "A number is out of range" },
  BAD_FORMAT: { status: 422, title: "A field has the wrong form" },
  TOO_LONG: { status: 422, title: "A field is too long" },
  TOO_OLD: { status: 422, title: "An event is too old" },
  IN_THE_FUTURE: { status: 422, title: "An event is in the future" },
  HEADERS_TOO_LARGE: { status: 431, title: "The request's headers are too large" },
  INTERNAL_ERROR: { status: 500, title: "The gateway has failed" },
  OVERLOADED: { status: 503, title: "The gateway is full", retryAfterSeconds: 1 },
  KAFKA_UNAVAILABLE: { status: 503, title: "Events cannot be kept now", retryAfterSeconds: 5 },
  DRAINING: { status: 503, title: "This gateway is stopping", retryAfterSeconds: 1 },
} as const satisfies Record<string, CodeMeaning>;

export type Code = keyof typeof CODES;
export type CodeMeaning = { status: number; title: string; retryAfterSeconds?: number };

export const meaningOf = (code: Code): CodeMeaning => CODES[code];

/** What is wrong with an event: the event's own fault, or its line's in NDJSON. */
export type FaultCode =
  | "MALFORMED_JSON"
  | "REQUIRED"
  | "WRONG_TYPE"
  | "OUT_OF_RANGE"
  | "BAD_FORMAT"
  | "TOO_LONG"
  | "TOO_OLD"
  | "IN_THE_FUTURE";

/** `message` says what was wrong, what is allowed and, where it helps, what to do. */
export type Fault = { readonly code: FaultCode; readonly field?: string; readonly message: string };

/** A fault of event number `index` of a batch, from 0. */
export type Rejection = { readonly index: number; readonly faults: readonly Fault[] };

/** A fault of a whole request's answer; `index` says which event of a batch it is about. */
export type IndexedFault = Fault & { readonly index?: number };
