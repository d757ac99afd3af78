import { Refusal } from "../answers/refusal.ts";
import { createRequestCap } from "./request-cap.ts";

/** What one request holds of the budget. */
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
  /** @param senderId whose room it is @throws {Refusal} RATE_LIMITED past its number of requests */
  lease: (senderId: string) => Lease;
  usedBytes: () => number;
};

/** This part of the room is for those who hold little of it. */
const RESERVED_SHARE = 1 / 4;

/**
 * Bounds what bodies and their decoders hold at once, from their first byte until they are answered, so that
 * a burst or a slow Kafka turns into quick refusals instead of a process without memory.
 *
 * Up to three quarters the room is for whoever comes first. The last quarter is parted among those who
 * are sending: who holds no more than an equal part of it is let in although others fill the rest. Who is alone
 * leaves it free: others may come at any moment, and what is held then may be held for long.
 * Who holds more than an equal part of all the room is the one to be told 429; others are told 503.
 */
export function createInFlightBudget(options: {
  maxBytes: number;
  /** Of one sender at once. */
  maxRequests: number;
}): InFlightBudget {
  const { maxBytes, maxRequests } = options;
  const cap = createRequestCap({ maxRequests, whose: "key" });
  const reservedBytes = maxBytes * RESERVED_SHARE;
  /** By sender, only those who hold some. */
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
