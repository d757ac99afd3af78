import { Refusal } from "../answers/refusal.ts";
import { createRequestCap } from "./request-cap.ts";

/** The part of the budget that one request holds. */
export type Lease = {
  /**
   * Says how many bytes the request holds now; fewer than before are always granted.
   * @throws {Refusal} OVERLOADED, RATE_LIMITED
   */
  hold: (bytes: number) => void;
  heldBytes: () => number;
  release: () => void;
};

export type InFlightBudget = {
  /**
   * @param senderId whose room it is
   * @throws {Refusal} RATE_LIMITED past its number of requests
   */
  lease: (senderId: string) => Lease;
  usedBytes: () => number;
};

/** The share that is reserved for senders that hold little. */
const RESERVED_SHARE = 1 / 4;

/**
 * Bounds what bodies and their decoders hold at once, from their first byte until they are answered, so that
 * a burst or a slow Kafka turns into quick refusals instead of a process without memory.
 *
 * Three quarters of the budget are for whoever comes first. The last quarter is divided among the current senders:
 * a sender that holds at most an equal share of it is admitted even when the rest is full. A single sender leaves it
 * free, because others may come at any moment and its own requests may last long. When the budget is full, a sender that
 * holds more than an equal share of all of it gets 429, others get 503.
 */
export function createInFlightBudget(options: {
  maxBytes: number;
  /** Of one sender at once. */
  maxRequests: number;
}): InFlightBudget {
  const { maxBytes, maxRequests } = options;
  const cap = createRequestCap({ maxRequests, whose: "key" });
  const reservedBytes = maxBytes * RESERVED_SHARE;
  /** Bytes held by each sender that holds any. */
  const held = new Map<string, number>();
  let usedBytes = 0;

  const take = (senderId: string, bytes: number) => {
    const senderBytes = (held.get(senderId) ?? 0) + bytes;
    const senders = held.has(senderId) ? held.size : held.size + 1;
    const wouldUse = usedBytes + bytes;
    const isAlone = senders === 1;
    const hasRoom =
      wouldUse <= maxBytes &&
      (wouldUse <= maxBytes - reservedBytes || senderBytes <= reservedBytes / senders);
    if (!hasRoom) throw isAlone || senderBytes <= maxBytes / senders ? full() : sendsMost();
    usedBytes = wouldUse;
    held.set(senderId, senderBytes);
  };

  const giveBack = (senderId: string, bytes: number) => {
    usedBytes -= bytes;
    const left = (held.get(senderId) ?? 0) - bytes;
    if (left > 0) held.set(senderId, left);
    else held.delete(senderId);
  };

  return {
    usedBytes: () => usedBytes,
    lease: (senderId) => {
      cap.acquire(senderId);
      let heldBytes = 0;
      let isReleased = false;
      return {
        hold: (bytes) => {
          if (isReleased) return;
          if (bytes > heldBytes) take(senderId, bytes - heldBytes);
          else giveBack(senderId, heldBytes - bytes);
          heldBytes = bytes;
        },
        heldBytes: () => heldBytes,
        release: () => {
          if (isReleased) return;
          isReleased = true;
          giveBack(senderId, heldBytes);
          cap.release(senderId);
        },
      };
    },
  };
}

const full = (): Refusal =>
  new Refusal("OVERLOADED", "the gateway's memory for requests is used up: send this again later");

const sendsMost = (): Refusal =>
  new Refusal(
    "RATE_LIMITED",
    "the gateway is overloaded and you use more than your share of it: send less",
  );
