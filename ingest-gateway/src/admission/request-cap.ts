import type { IncomingMessage } from "node:http";
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
  /** Requests in flight, by sender id; only senders that have any. */
  const inFlight = new Map<string, number>();
  return {
    acquire: (id) => {
      const count = inFlight.get(id) ?? 0;
      if (count >= maxRequests) {
        const detail = `this ${whose} has ${maxRequests} requests without an answer: wait for answers, or send batches`;
        throw new Refusal("RATE_LIMITED", detail);
      }
      inFlight.set(id, count + 1);
    },
    release: (id) => {
      const left = (inFlight.get(id) ?? 0) - 1;
      if (left > 0) inFlight.set(id, left);
      else inFlight.delete(id);
    },
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
