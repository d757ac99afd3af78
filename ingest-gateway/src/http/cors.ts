import type { IncomingMessage, ServerResponse } from "node:http";
import { ANSWER_HEADERS, BODY_HEADERS, REQUEST_HEADERS } from "../answers/http-headers.ts";

/** @returns whether the request was a preflight, which is then answered */
export type ApplyCors = (request: IncomingMessage, response: ServerResponse) => boolean;

const PREFLIGHT_MAX_AGE_SECONDS = 7_200;

/**
 * Allows pages of some origins to send (the Fetch standard's CORS protocol).
 * @returns undefined without origins, so that it costs nothing
 */
export function createCors(origins: readonly string[]): ApplyCors | undefined {
  if (origins.length === 0) return undefined;
  const allowed = new Set(origins);
  return (request, response) => {
    response.setHeader("Vary", "Origin");
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return false;
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Access-Control-Expose-Headers", EXPOSED);
    const isPreflight =
      request.method === "OPTIONS" &&
      request.headers["access-control-request-method"] !== undefined;
    if (!isPreflight) return false;
    response.setHeader("Access-Control-Allow-Methods", "GET, POST");
    response.setHeader("Access-Control-Allow-Headers", ALLOWED);
    response.setHeader("Access-Control-Max-Age", PREFLIGHT_MAX_AGE_SECONDS);
    response.writeHead(204).end();
    return true;
  };
}

const namesOf = (headers: readonly { readonly name: string }[]) => headers.map(({ name }) => name);
const EXPOSED = namesOf(ANSWER_HEADERS).join(", ");
const ALLOWED = ["Authorization", ...BODY_HEADERS, ...namesOf(REQUEST_HEADERS)].join(", ");
