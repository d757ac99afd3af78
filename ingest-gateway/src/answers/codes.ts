import { type CodeMeaning, COMMON_CODES } from "@fiberstream/http/codes";
import type { Fault, FaultCode } from "@fiberstream/event-rules/fault";

/** The meaning of each code of an answer: its status, a short title, and when a retry makes sense. */
export const CODES = {
  ...COMMON_CODES,
  MALFORMED_BATCH: { status: 400, title: "The body is not a batch of events" },
  TOO_DEEP: { status: 400, title: "The body has too many levels" },
  BAD_ENCODING: { status: 400, title: "The body does not match its Content-Encoding" },
  INVALID_SIGNATURE: { status: 401, title: "The signature is missing or wrong" },
  STALE_SIGNATURE: { status: 401, title: "The signature is too old, or its time is in the future" },
  REPLAYED_NONCE: { status: 401, title: "The signature was used before" },
  NODE_NOT_ALLOWED: { status: 403, title: "The key may not report for this node" },
  TOO_MANY_NODES: { status: 403, title: "The key already reports for its maximum number of nodes" },
  ORIGIN_NOT_ALLOWED: { status: 403, title: "This origin may not send" },
  BATCH_IN_PROGRESS: {
    status: 409,
    title: "The same batch is already being processed",
    retryAfterSeconds: 1,
  },
  EXPECTATION_FAILED: { status: 417, title: "The Expect header is not supported" },
  REQUIRED: { status: 422, title: "A field is missing" },
  WRONG_TYPE: { status: 422, title: "A field has the wrong type" },
  OUT_OF_RANGE: { status: 422, title: "A number is out of range" },
  BAD_FORMAT: { status: 422, title: "A field has the wrong format" },
  TOO_LONG: { status: 422, title: "A field is too long" },
  TOO_OLD: { status: 422, title: "An event is too old" },
  IN_THE_FUTURE: { status: 422, title: "An event is in the future" },
  BATCH_ID_REUSED: { status: 422, title: "The batch id was used for another body" },
  RATE_LIMITED: {
    status: 429,
    title: "Too many events",
    retryAfterSeconds: 1,
    spreadSeconds: 2,
  },
  UNKNOWN_JWT_KEY: {
    status: 429,
    title: "The JWT's key is unknown, and the issuer's keys were fetched a moment ago",
    retryAfterSeconds: 5,
    spreadSeconds: 5,
  },
  OVERLOADED: {
    status: 503,
    title: "The gateway is overloaded",
    retryAfterSeconds: 1,
    spreadSeconds: 4,
  },
  KAFKA_UNAVAILABLE: {
    status: 503,
    title: "Events cannot be stored right now",
    retryAfterSeconds: 5,
    spreadSeconds: 10,
  },
  AUTH_UNAVAILABLE: {
    status: 503,
    title: "Authentication is temporarily unavailable",
    retryAfterSeconds: 5,
    spreadSeconds: 10,
  },
  DRAINING: {
    status: 503,
    title: "This gateway is stopping",
    retryAfterSeconds: 1,
    spreadSeconds: 2,
  },
} as const satisfies Record<string, CodeMeaning> & Record<FaultCode, CodeMeaning>;

export type Code = keyof typeof CODES;

export const meaningOf = (code: Code): CodeMeaning => CODES[code];

/** The faults of event number `index` of a batch, from 0. */
export type Rejection = { readonly index: number; readonly faults: readonly Fault[] };

/** A fault in the answer to a whole request; `index` is the number of the event in a batch. */
export type IndexedFault = Pick<Fault, "code" | "field"> & {
  readonly index?: number;
  /** Left out if there are very many faults. */
  readonly message?: string;
};
