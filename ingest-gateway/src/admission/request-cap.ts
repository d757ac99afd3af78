import type { IncomingMessage } from "node:http";
import { createInFlight } from "@fiberstream/http/in-flight";
import { Refusal } from "../answers/refusal.ts";
import { networkOf } from "../connections/sender-network.ts";

/** Bounds the requests in flight of one sender: a waiting request costs memory, too. */
export type RequestCap = {
  /** @throws {Refusal} RATE_LIMITED when the sender has its maximum in flight */
  acquire: (id: string) => void;
  /** To be called once for each {@link acquire} that has not thrown. */
  release: (id: string) => void;
};

/** @param options.whose what the error message calls the sender: "key" or "address" */
export function createRequestCap(options: { maxRequests: number; whose: string }): RequestCap {
  const { maxRequests, whose } = options;
  const inFlight = createInFlight();
  return {
    acquire: (id) => {
      if (inFlight.enter(id, maxRequests)) return;
      const detail = `this ${whose} has ${maxRequests} requests without an answer: wait for answers, or send batches`;
      throw new Refusal("RATE_LIMITED", detail);
    },
    release: inFlight.leave,
  };
}

/** Caps the requests of each address (of IPv6 each /64) before their sender is authenticated. */
export const cappedByAddress =
  <C extends { readonly request: IncomingMessage }, A>(
    cap: RequestCap,
    serve: (call: C) => Promise<A>,
  ): ((call: C) => Promise<A>) =>
  async (call) => {
    const network = networkOf(call.request.socket.remoteAddress ?? "");
    cap.acquire(network);
    try {
      return await serve(call);
    } finally {
      cap.release(network);
    }
  };
