import { Refusal } from "../answers/refusal.ts";
import { createRequestCap } from "./request-cap.ts";

/** The share of the budget that one request holds. */
export type Lease = {
  /**
   * Sets how many bytes the request holds; fewer than before are always granted.
   * @throws {Refusal} OVERLOADED, RATE_LIMITED
   */
  hold: (bytes: number) => void;
  heldBytes: () => number;
  release: () => void;
};

export type InFlightBudget = {
  /**
   * @param senderId the sender that the bytes count for
   * @param tenant the tenant whose share the sender uses; by default the sender itself
   * @throws {Refusal} RATE_LIMITED past the sender's maximum of requests
   */
  lease: (senderId: string, tenant?: string) => Lease;
  usedBytes: () => number;
};

/** The share that is reserved for senders that hold little. */
const RESERVED_SHARE = 1 / 4;

/** What a tenant holds. */
type Holding = {
  /** By sender; only senders that hold some. */
  readonly bySender: Map<string, number>;
  /** How much of it is from the reserved share. */
  reservedBytes: number;
};

/**
 * Bounds the memory of request bodies and their decoders, from the first byte until the answer, so that a burst or a
 * slow Kafka causes quick refusals instead of a process without memory.
 *
 * Three quarters of the budget are granted in order of arrival. The last quarter is reserved: it is divided among the
 * current tenants, and a tenant's share among its senders. A sender that holds at most an equal share of the reserve is
 * admitted even when the rest is full. A single tenant may use half of the reserve only, because another one may arrive at
 * any moment and its requests may last long. When the budget is full, a sender that holds more than an equal share of
 * the whole budget gets 429, others get 503.
 */
export function createInFlightBudget(options: {
  maxBytes: number;
  /** Maximum of requests in flight of one sender. */
  maxRequests: number;
}): InFlightBudget {
  const { maxBytes, maxRequests } = options;
  const cap = createRequestCap({ maxRequests, whose: "key" });
  const reservedBytes = maxBytes * RESERVED_SHARE;
  /** By tenant; only tenants that hold some. */
  const held = new Map<string, Holding>();
  let usedBytes = 0;

  const takeBytes = (senderId: string, tenant: string, bytes: number) => {
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
    const fits =
      wouldUse <= maxBytes &&
      (fromReserve === 0 ||
        (senderBytes <= reservedBytes / tenants / senders &&
          holding.reservedBytes + fromReserve <= reservedBytes / Math.max(2, tenants)));
    if (!fits) {
      const isAlone = tenants === 1 && senders === 1;
      throw isAlone || senderBytes <= maxBytes / tenants / senders ? full() : sendsMost();
    }
    usedBytes = wouldUse;
    holding.reservedBytes += fromReserve;
    bySender.set(senderId, senderBytes);
    held.set(tenant, holding);
  };

  const returnBytes = (senderId: string, tenant: string, bytes: number) => {
    const holding = held.get(tenant);
    if (holding === undefined) return;
    usedBytes -= bytes;
    // The reserved share is freed first.
    holding.reservedBytes = Math.max(0, holding.reservedBytes - bytes);
    const left = (holding.bySender.get(senderId) ?? 0) - bytes;
    if (left > 0) holding.bySender.set(senderId, left);
    else holding.bySender.delete(senderId);
    if (holding.bySender.size === 0) held.delete(tenant);
  };

  return {
    usedBytes: () => usedBytes,
    lease: (senderId, tenant = senderId) => {
      cap.acquire(senderId);
      let heldBytes = 0;
      let isReleased = false;
      return {
        hold: (bytes) => {
          if (isReleased) return;
          if (bytes > heldBytes) takeBytes(senderId, tenant, bytes - heldBytes);
          else returnBytes(senderId, tenant, heldBytes - bytes);
          heldBytes = bytes;
        },
        heldBytes: () => heldBytes,
        release: () => {
          if (isReleased) return;
          isReleased = true;
          returnBytes(senderId, tenant, heldBytes);
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
