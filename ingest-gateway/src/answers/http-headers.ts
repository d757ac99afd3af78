import { LIMITS } from "./limits.ts";

export type RequestHeader = {
  readonly name: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** Only where requests have a token. */
  readonly isOfKeys?: true;
};

export type AnswerHeader = Omit<RequestHeader, "isOfKeys"> & {
  /** The statuses of the answers of `/api/push` and `/api/ingest` that may have it. */
  readonly on: "any" | readonly number[];
};

const text = { type: "string" };

/** The headers of a request that the gateway reads, but for those of the body and of who sends. */
export const REQUEST_HEADERS: readonly RequestHeader[] = [
  {
    name: "X-Batch-ID",
    description:
      "An id of the sender's own, which makes sending again safe: the same request with the same id gets the first answer again, for as long as it is remembered (24 hours where nothing else is set).",
    schema: { ...text, format: "uuid" },
  },
  {
    name: "X-Region-ID",
    description: "The relay's region; comes back as source_region.",
    // As long as the record's field may be; the OpenAPI document says so.
    schema: { ...text, pattern: "^[\\x20-\\x7e]*$" },
  },
  {
    name: "X-Request-ID",
    description: `Comes back, and is in the gateway's log; made where it is missing or has more than ${LIMITS.requestIdCharacters} characters.`,
    schema: text,
  },
  {
    name: "traceparent",
    description:
      "W3C Trace Context: a sampled trace goes on to the row, up to a bound of the gateway's.",
    schema: text,
  },
  {
    name: "X-Fiber-Timing",
    description: "Asks for Server-Timing: where the time of this request went.",
    schema: text,
  },
  {
    name: "X-Fiber-Signature",
    description:
      "Where the key demands it: hex HMAC-SHA256 of batch id, timestamp, nonce and body.",
    schema: text,
    isOfKeys: true,
  },
  {
    name: "X-Fiber-Timestamp",
    description: "With a signature: Unix seconds, at most 5 minutes off.",
    schema: text,
    isOfKeys: true,
  },
  {
    name: "X-Fiber-Nonce",
    description: "With a signature: 16 to 128 letters, digits, - or _, never the same again.",
    schema: text,
    isOfKeys: true,
  },
];

/** What a request with a body needs besides. */
export const BODY_HEADERS = ["Content-Type", "Content-Encoding"] as const;

/** Answers that may have been remembered, or could not be. */
const SETTLED = [202, 400, 403, 413, 415, 422];

/** The headers of answers, but for those of every HTTP answer and those of CORS. */
export const ANSWER_HEADERS: readonly AnswerHeader[] = [
  {
    name: "X-Request-ID",
    description: "The request's own, or one that was made for it.",
    schema: text,
    on: "any",
  },
  {
    name: "Retry-After",
    description: "Seconds after which to send again; spread, so that senders do not come together.",
    schema: { type: "integer", minimum: 1 },
    on: [202, 409, 429, 503],
  },
  {
    name: "RateLimit",
    description: "What is left of the key's bucket (r), and seconds until it is full (t).",
    schema: text,
    on: "any",
  },
  {
    name: "RateLimit-Policy",
    description: "The bucket's size (q), and the seconds that filling it takes (w).",
    schema: text,
    on: "any",
  },
  {
    name: "Idempotent-Replayed",
    description: "true: this is the first answer to this X-Batch-ID once more.",
    schema: { const: "true" },
    on: SETTLED,
  },
  {
    name: "Idempotent-Protection",
    description: "off: there was an X-Batch-ID, but it could not be looked up or remembered.",
    schema: { const: "off" },
    on: SETTLED,
  },
  {
    name: "Server-Timing",
    description: "Where the time went, in ms: to those who ask with X-Fiber-Timing.",
    schema: text,
    on: "any",
  },
  {
    name: "WWW-Authenticate",
    description: "How to say who sends.",
    schema: text,
    on: [401],
  },
  {
    name: "Allow",
    description: "The methods that the route has.",
    schema: text,
    on: [405],
  },
  {
    name: "Accept",
    description: "The content types that are read.",
    schema: text,
    on: [415],
  },
  {
    name: "Accept-Encoding",
    description: "The content encodings that are read.",
    schema: text,
    on: [415],
  },
  {
    name: "Connection",
    description: "close: the gateway stops, or does not read the rest; open a new connection.",
    schema: text,
    on: "any",
  },
];
