import { Refusal } from "./refusal.ts";

/** What one request holds of the budget. */
export type Lease = {
  /** Takes room for the request's body to be `bytes` long in all. @throws {Refusal} OVERLOADED */
  growTo: (bytes: number) => void;
  release: () => void;
};

export type InFlightBudget = {
  lease: () => Lease;
  usedBytes: () => number;
};

/**
 * Bounds the bodies that are held at once, from before they are read until they are answered, so that
 * a burst or a slow Kafka turns into quick 503s instead of a process without memory.
 */
export function createInFlightBudget({ maxBytes }: { maxBytes: number }): InFlightBudget {
  let usedBytes = 0;
  return {
    usedBytes: () => usedBytes,
    lease: () => {
      let heldBytes = 0;
      return {
        growTo: (bytes) => {
          if (bytes <= heldBytes) return;
          if (usedBytes + bytes - heldBytes > maxBytes) {
            throw new Refusal(
              "OVERLOADED",
              "the gateway holds as much as it can, send this again later",
            );
          }
          usedBytes += bytes - heldBytes;
          heldBytes = bytes;
        },
        release: () => {
          usedBytes -= heldBytes;
          heldBytes = 0;
        },
      };
    },
  };
}
