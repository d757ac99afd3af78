import { type CodeMeaning, COMMON_CODES } from "@fiberstream/http/codes";

/** The meaning of each code of a problem document: its status, a short title, and when a retry makes sense. */
export const CODES = {
  ...COMMON_CODES,
  SESSION_ENDED: { status: 401, title: "The session has ended" },
  WRONG_CREDENTIALS: { status: 401, title: "The name, the password or the code is wrong" },
  CODE_REQUIRED: { status: 401, title: "Signing in needs a code, too" },
  WINDOW_TOO_LARGE: { status: 400, title: "The time range is too long" },
  SIGN_IN_FAILED: { status: 400, title: "The sign-in failed" },
  NOT_ALLOWED: { status: 403, title: "The asker may not do this" },
  SIGN_IN_REFUSED: { status: 403, title: "This person has no access" },
  PROXY_NOT_TRUSTED: { status: 403, title: "The peer may not say who asks" },
  ORIGIN_NOT_ALLOWED: { status: 403, title: "This origin may not ask" },
  NO_SUCH_NODE: { status: 404, title: "No such node" },
  NO_SUCH_EVENT: { status: 404, title: "No such event" },
  NO_SUCH_LETTER: { status: 404, title: "No such dead letter" },
  NO_SUCH_JOB: { status: 404, title: "No such job" },
  NO_SUCH_SESSION: { status: 404, title: "No such session" },
  NO_SUCH_TOKEN: { status: 404, title: "No such token" },
  TOO_MANY_TOKENS: { status: 409, title: "Too many tokens" },
  NOT_POSSIBLE: { status: 409, title: "The account cannot do this as it is" },
  NODE_EXISTS: { status: 409, title: "The node exists already" },
  JOB_FINISHED: { status: 409, title: "The job has finished already" },
  TOO_MANY_JOBS: { status: 409, title: "Too many jobs are waiting" },
  REVISION_CHANGED: { status: 412, title: "The node was changed meanwhile" },
  INVALID_PARAMETER: { status: 422, title: "A parameter is invalid" },
  INVALID_CONDITION: { status: 422, title: "The condition is invalid" },
  INVALID_CURSOR: { status: 422, title: "The cursor is invalid" },
  INVALID_FIELD: { status: 422, title: "A field of the body is invalid" },
  TOO_MANY_POINTS: { status: 422, title: "The answer would have too many points" },
  REVISION_REQUIRED: { status: 428, title: "The request needs If-Match" },
  TOO_MANY_TRIES: { status: 429, title: "Too many tries have failed" },
  RATE_LIMITED: {
    status: 429,
    title: "Too many questions",
    retryAfterSeconds: 1,
    spreadSeconds: 2,
  },
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
  PROVIDER_UNAVAILABLE: {
    status: 503,
    title: "The identity provider is unavailable",
    retryAfterSeconds: 5,
    spreadSeconds: 10,
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    title: "The database is unavailable",
    retryAfterSeconds: 5,
    spreadSeconds: 10,
  },
  KAFKA_UNAVAILABLE: {
    status: 503,
    title: "Kafka is unavailable",
    retryAfterSeconds: 5,
    spreadSeconds: 10,
  },
} as const satisfies Record<string, CodeMeaning>;

export type Code = keyof typeof CODES;

export const meaningOf = (code: Code): CodeMeaning => CODES[code];
