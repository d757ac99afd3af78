import { Refusal } from "./refusal.ts";
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
  /**
   * @param senderId whose room it is
   * @param tenant which the sender shares its part with; itself where it is left out
   * @throws {Refusal} RATE_LIMITED past its number of requests
   */
  lease: (senderId: string, tenant?: string) => Lease;
  usedBytes: () => number;
};

/** This part of the room is for those who hold little of it. */
const RESERVED_SHARE = 1 / 4;

/** What a tenant holds. */
type Holding = {
  /** By sender, only those who hold some. */
  readonly bySender: Map<string, number>;
  /** What was taken from the last part of the room. */
  reservedBytes: number;
};

/**
 * Bounds what bodies and their decoders hold at once, from their first byte until they are answered, so that
 * a burst or a slow Kafka turns into quick refusals instead of a process without memory.
 *
 * Up to three quarters the room is for whoever comes first. The last quarter is parted among the tenants that
 * are sending, and a tenant's part among its senders: who holds no more than an equal part of it is let in although
 * others fill the rest. A tenant that is alone leaves half of it free: others may come at any moment, and what is held
 * then may be held for long.
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
  /** By tenant, only those who hold some. */
  const held = new Map<string, Holding>();
  let usedBytes = 0;

  const take = (senderId: string, tenant: string, bytes: number) => {
    const holding: Holding = held.get(tenant) ?? {
      bySender: new Map<string, number>(),
      reservedBytes: 0,
    };
    const { bySender } = holding;
    const senderBytes = (bySender.get(senderId) ?? 0) + bytes;
    const senders = bySender.has(senderId) ? bySender.size : bySender.size + 1;
    const tenants = held.has(tenant) ? held.size : held.size + 1;
    const wouldUse = usedBytes + bytes;
    const fromReserve = Math.max(0, Math.min(bytes, wouldUse - (maxBytes - reservedBytes)));
    const hasRoom =
      wouldUse <= maxBytes &&
      (fromReserve === 0 ||
        (senderBytes <= reservedBytes / tenants / senders &&
          holding.reservedBytes + fromReserve <= reservedBytes / Math.max(2, tenants)));
    if (!hasRoom) {
      const isAlone = tenants === 1 && senders === 1;
      throw isAlone || senderBytes <= maxBytes / tenants / senders ? full() : sendsMost();
    }
    usedBytes = wouldUse;
    holding.reservedBytes += fromReserve;
    bySender.set(senderId, senderBytes);
    held.set(tenant, holding);
  };

  const giveBack = (senderId: string, tenant: string, bytes: number) => {
    const holding = held.get(tenant);
    if (holding === undefined) return;
    usedBytes -= bytes;
    // The last part is free again first.
    holding.reservedBytes = Math.max(0, holding.reservedBytes - bytes);
    const left = (holding.bySender.get(senderId) ?? 0) - bytes;
    if (left > 0) holding.bySender.set(senderId, left);
    else holding.bySender.delete(senderId);
    if (holding.bySender.size === 0) held.delete(tenant);
  };

  return {
    usedBytes: () => usedBytes,
    lease: (senderId, tenant = senderId) => {
      cap.enter(senderId);
      let heldBytes = 0;
      let isReleased = false;
      return {
        hold: (bytes) => {
          if (isReleased) return;
          if (bytes > heldBytes) take(senderId, tenant, bytes - heldBytes);
          else giveBack(senderId, tenant, heldBytes - bytes);
          heldBytes = bytes;
        },
        heldBytes: () => heldBytes,
        release: () => {
          if (isReleased) return;
          isReleased = true;
          giveBack(senderId, tenant, heldBytes);
          cap.leave(senderId);
        },
      };
    },
  };
}

const full = (): Refusal =>
  new Refusal("OVERLOADED", "the gateway holds as much as it can: send this again later");

const sendsMost = (): Refusal =>
  new Refusal("RATE_LIMITED", "the gateway is full and you send more than your share: send less");
