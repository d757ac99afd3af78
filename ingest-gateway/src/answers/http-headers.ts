import { REQUEST_ID_MAX_CHARACTERS } from "@fiberstream/http/request-id";

export type RequestHeader = {
  readonly name: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** Only for AUTH_MODE=keys. */
  readonly isOfKeys?: true;
};

export type AnswerHeader = Omit<RequestHeader, "isOfKeys"> & {
  /** The statuses of the answers of `/api/push` and `/api/ingest` that may have it. */
  readonly on: "any" | readonly number[];
};

const text = { type: "string" };

/** The request headers that the gateway reads, except those of the body and of authentication. */
export const REQUEST_HEADERS: readonly RequestHeader[] = [
  {
    name: "X-Batch-ID",
    description:
      "The sender's own id of this batch, which makes retries safe: the same request with the same id gets the first response again, for as long as that is stored (24 hours by default).",
    schema: { ...text, format: "uuid" },
  },
  {
    name: "X-Region-ID",
    description: "The relay's region; returned as source_region.",
    // Its maximum length is the record field's; the OpenAPI document adds it.
    schema: { ...text, pattern: "^[\\x20-\\x7e]*$" },
  },
  {
    name: "X-Request-ID",
    description: `Returned in the response and logged by the gateway; generated if it is missing or longer than ${REQUEST_ID_MAX_CHARACTERS} characters.`,
    schema: text,
  },
  {
    name: "traceparent",
    description:
      "W3C Trace Context: a sampled trace is continued up to the row, within the gateway's limit of traces a second.",
    schema: text,
  },
  {
    name: "X-Fiber-Timing",
    description: "Requests a Server-Timing header: how long each step of this request took.",
    schema: text,
  },
  {
    name: "X-Fiber-Signature",
    description:
      "If the key requires signatures: hex HMAC-SHA256 of batch id, timestamp, nonce and body.",
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
    description: "With a signature: 16 to 128 letters, digits, - or _; a new one for each request.",
    schema: text,
    isOfKeys: true,
  },
];

/** The headers of a request's body. */
export const BODY_HEADERS = ["Content-Type", "Content-Encoding"] as const;

/** The statuses of answers that idempotency handles. */
const SETTLED = [202, 400, 403, 413, 415, 422];

/** The headers of answers, except those of every HTTP answer and those of CORS. */
export const ANSWER_HEADERS: readonly AnswerHeader[] = [
  {
    name: "X-Request-ID",
    description: "The request's X-Request-ID, or a generated one.",
    schema: text,
    on: "any",
  },
  {
    name: "Retry-After",
    description:
      "Seconds to wait before a retry; randomized, so that senders do not all retry at once.",
    schema: { type: "integer", minimum: 1 },
    on: [202, 409, 429, 503],
  },
  {
    name: "RateLimit",
    description: "Events left in the key's rate limit (r), and seconds until it is full again (t).",
    schema: text,
    on: "any",
  },
  {
    name: "RateLimit-Policy",
    description:
      "The rate limit's burst (q), and the seconds until it has refilled from empty (w).",
    schema: text,
    on: "any",
  },
  {
    name: "Idempotent-Replayed",
    description: "true: this is the stored first response to this X-Batch-ID.",
    schema: { const: "true" },
    on: SETTLED,
  },
  {
    name: "Idempotent-Protection",
    description:
      "off: the request had an X-Batch-ID, but it could not be looked up or its response not be stored.",
    schema: { const: "off" },
    on: SETTLED,
  },
  {
    name: "Server-Timing",
    description: "Duration of each step in ms, for requests with X-Fiber-Timing.",
    schema: text,
    on: "any",
  },
  {
    name: "WWW-Authenticate",
    description: "How to authenticate.",
    schema: text,
    on: [401],
  },
  {
    name: "Allow",
    description: "The methods that the route supports.",
    schema: text,
    on: [405],
  },
  {
    name: "Accept",
    description: "The supported content types.",
    schema: text,
    on: [415],
  },
  {
    name: "Accept-Encoding",
    description: "The supported content encodings.",
    schema: text,
    on: [415],
  },
  {
    name: "Connection",
    description:
      "close: the gateway is stopping, or does not read the rest of the request; open a new connection.",
    schema: text,
    on: "any",
  },
];
