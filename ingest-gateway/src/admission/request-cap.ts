import type { Ingest } from "../ingest.ts";
import { Refusal } from "../answers/refusal.ts";

/** Bounds how many requests of one sender are under way at once: whoever waits costs memory, too. */
export type RequestCap = {
  /** @throws {Refusal} RATE_LIMITED when it has as many as it may */
  acquire: (id: string) => void;
  /** HandleIdempotently for each {@link acquire} that has not thrown. */
  release: (id: string) => void;
};

/** @param options.whose in the sentence that a sender is told: "key", "address" */
export function createRequestCap(options: { maxRequests: number; whose: string }): RequestCap {
  const { maxRequests, whose } = options;
  /** By id, only those that have some. */
  const underWay = new Map<string, number>();
  return {
    acquire: (id) => {
      const count = underWay.get(id) ?? 0;
      if (count >= maxRequests) {
        const detail = `this ${whose} has ${maxRequests} requests without an answer: wait for answers, or send batches`;
        throw new Refusal("RATE_LIMITED", detail);
      }
      underWay.set(id, count + 1);
    },
    release: (id) => {
      const left = (underWay.get(id) ?? 0) - 1;
      if (left > 0) underWay.set(id, left);
      else underWay.delete(id);
    },
  };
}

/** Before it is known who sends. */
export const cappedByAddress =
  (cap: RequestCap, ingest: Ingest): Ingest =>
  async (call) => {
    const address = call.request.socket.remoteAddress ?? "";
    cap.acquire(address);
    try {
      return await ingest(call);
    } finally {
      cap.release(address);
    }
  };
