/** The meaning of a code of a problem document: its status, a short title, and when a retry makes sense. */
export type CodeMeaning = {
  readonly status: number;
  readonly title: string;
  readonly retryAfterSeconds?: number;
  /** Maximum of a random addition to `retryAfterSeconds`. */
  readonly spreadSeconds?: number;
};

/** The codes that mean the same on every public port. */
export const COMMON_CODES = {
  MALFORMED_HTTP: { status: 400, title: "The request is not HTTP" },
  MALFORMED_JSON: { status: 400, title: "The body is not JSON" },
  MISSING_TOKEN: { status: 401, title: "The request has no token" },
  INVALID_TOKEN: { status: 401, title: "The token is invalid" },
  EXPIRED_TOKEN: { status: 401, title: "The token has expired" },
  NOT_FOUND: { status: 404, title: "No such route" },
  METHOD_NOT_ALLOWED: { status: 405, title: "The route does not have this method" },
  REQUEST_TIMEOUT: { status: 408, title: "The request timed out" },
  PAYLOAD_TOO_LARGE: { status: 413, title: "The request is too large" },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: "The body's media type or encoding is not supported",
  },
  HEADERS_TOO_LARGE: { status: 431, title: "The request's headers are too large" },
  INTERNAL_ERROR: { status: 500, title: "Internal error" },
} as const satisfies Record<string, CodeMeaning>;
