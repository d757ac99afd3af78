import { STATUS_CODES } from "@fiberstream/runtime/node-http";
import type { ProblemAnswer } from "./problem.ts";

/** Returns the bytes of an answer after which the connection is closed, for requests that Node's parser rejects. */
export const lastAnswer = (
  { status, contentType, body }: Omit<ProblemAnswer, "headers">,
  requestId: string,
): string =>
  `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n` +
  `Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
  `X-Request-ID: ${requestId}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n${body}`;

/** Node's errors for bytes that do not become a request. */
const FAULTS = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    code: "REQUEST_TIMEOUT",
    detail: "the request did not arrive in time",
  },
  HPE_HEADER_OVERFLOW: {
    code: "HEADERS_TOO_LARGE",
    detail: "the headers must be at most 16 KB together",
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    code: "PAYLOAD_TOO_LARGE",
    detail: "chunk extensions are too large",
  },
} as const;
const OTHER = { code: "MALFORMED_HTTP", detail: "the request must be HTTP/1.1" } as const;

/** Returns why Node's parser rejected a request, from the `clientError` event. */
export const parserFault = ({
  code = "",
}: NodeJS.ErrnoException): (typeof FAULTS)[keyof typeof FAULTS] | typeof OTHER =>
  Object.hasOwn(FAULTS, code) ? FAULTS[code as keyof typeof FAULTS] : OTHER;
