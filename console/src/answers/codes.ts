/** The meaning of each code of a problem document: its status, a short title, and when a retry makes sense. */
export const CODES = {
  MALFORMED_HTTP: { status: 400, title: "The request is not HTTP" },
  MALFORMED_JSON: { status: 400, title: "The body is not JSON" },
  WINDOW_TOO_LARGE: { status: 400, title: "The time range is too long" },
  MISSING_TOKEN: { status: 401, title: "The request has no token" },
  INVALID_TOKEN: { status: 401, title: "The token is invalid" },
  EXPIRED_TOKEN: { status: 401, title: "The token has expired" },
  NOT_ALLOWED: { status: 403, title: "The key may not do this" },
  ORIGIN_NOT_ALLOWED: { status: 403, title: "This origin may not ask" },
  NOT_FOUND: { status: 404, title: "No such route" },
  NO_SUCH_NODE: { status: 404, title: "No such node" },
  NO_SUCH_EVENT: { status: 404, title: "No such event" },
  METHOD_NOT_ALLOWED: { status: 405, title: "The route does not have this method" },
  NODE_EXISTS: { status: 409, title: "The node exists already" },
  REVISION_CHANGED: { status: 412, title: "The node was changed meanwhile" },
  PAYLOAD_TOO_LARGE: { status: 413, title: "The body is too large" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "The body's media type is not supported" },
  INVALID_PARAMETER: { status: 422, title: "A parameter is invalid" },
  INVALID_CONDITION: { status: 422, title: "The condition is invalid" },
  INVALID_CURSOR: { status: 422, title: "The cursor is invalid" },
  INVALID_FIELD: { status: 422, title: "A field of the body is invalid" },
  TOO_MANY_POINTS: { status: 422, title: "The answer would have too many points" },
  REVISION_REQUIRED: { status: 428, title: "The request needs If-Match" },
  RATE_LIMITED: {
    status: 429,
    title: "Too many questions",
    retryAfterSeconds: 1,
    spreadSeconds: 2,
  },
  HEADERS_TOO_LARGE: { status: 431, title: "The request's headers are too large" },
  INTERNAL_ERROR: { status: 500, title: "Internal error" },
  OVERLOADED: {
    status: 503,
    title: "Too many questions are waiting",
    retryAfterSeconds: 1,
    spreadSeconds: 4,
  },
  TOO_SLOW: {
    status: 503,
    title: "The database took too long",
    retryAfterSeconds: 5,
    spreadSeconds: 10,
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    title: "The database is unavailable",
    retryAfterSeconds: 5,
    spreadSeconds: 10,
  },
} as const satisfies Record<string, CodeMeaning>;

export type Code = keyof typeof CODES;
type CodeMeaning = {
  status: number;
  title: string;
  retryAfterSeconds?: number;
  /** Maximum of a random addition to `retryAfterSeconds`. */
  spreadSeconds?: number;
};

export const meaningOf = (code: Code): CodeMeaning => CODES[code];
