import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressRate } from "../admission/address-rate.ts";
import type { Answer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import { pathOf, usualForm } from "./request-path.ts";
import type { ServeAnswer } from "./serve-answer.ts";

/** Also thrown for what express cannot read. */
export const unreadable = (): never => {
  throw new Refusal("MALFORMED_HTTP", "the request's target must be a path or an absolute URL");
};

export type ServeRest = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Serves all requests without events. The status is not limited, because load balancers ask for it and would take a
 * gateway that answers 429 for broken; it does not go through express, which costs five times as much. Everything else is
 * limited for each address.
 */
export function createServeRest(options: {
  status: () => Answer;
  servePage: ServeRest;
  mayHavePage: AddressRate;
  pagesPerSecond: number;
  serveAnswer: ServeAnswer;
}): ServeRest {
  const { status, servePage, mayHavePage, pagesPerSecond, serveAnswer } = options;

  const refuse = (): never => {
    throw new Refusal(
      "RATE_LIMITED",
      `an address may send ${pagesPerSecond} requests a second for anything but events and the status: wait`,
    );
  };

  return (request, response) => {
    const { method, socket } = request;
    const exchange = { request, response };
    const url = usualForm(request.url ?? "");
    if (url === undefined) return serveAnswer("other", exchange, unreadable);
    const isRead = method === "GET" || method === "HEAD";
    if (isRead && pathOf({ url }) === "/api/status") return serveAnswer("status", exchange, status);
    if (!mayHavePage(socket.remoteAddress)) return serveAnswer("other", exchange, refuse);
    request.url = url;
    servePage(request, response);
  };
}
