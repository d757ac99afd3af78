import { createRequestCap } from "../admission/request-cap.ts";
import { Refusal } from "../answers/refusal.ts";
import { networkOf } from "../connections/sender-network.ts";
import { createConcurrencyLimit } from "./keys/concurrency-limit.ts";

/**
 * Runs a verification when it is its turn.
 * @param address that the token came from
 * @throws {Refusal} RATE_LIMITED when too many are waiting
 */
export type InTurn = <T>(address: string, verify: () => Promise<T>) => Promise<T>;

/** Verified in about 20 ms, so that an address cannot make others wait for longer. */
const MAX_WAITING_OF_ADDRESS = 100;
const MAX_WAITING = 1_000;

/**
 * Verifies one signature at a time: anybody can make tokens that name a known key, and as many as arrive would otherwise
 * occupy all threads that decompress bodies, too. One at a time are some thousand tokens a second, and a valid token is
 * cached.
 */
export function createVerificationTurns(): InTurn {
  const addresses = createRequestCap({ maxRequests: MAX_WAITING_OF_ADDRESS, whose: "address" });
  const oneByOne = createConcurrencyLimit({
    atOnce: 1,
    maxWaiting: MAX_WAITING,
    tooMany,
  });
  return async (address, verify) => {
    const network = networkOf(address);
    addresses.acquire(network);
    try {
      return await oneByOne(verify);
    } finally {
      addresses.release(network);
    }
  };
}

// Not 5xx: anybody can make such tokens, and 5xx would count as a failure of the gateway.
const tooMany = (): Refusal =>
  new Refusal("RATE_LIMITED", "too many JWTs are waiting to be verified: send this again later");
