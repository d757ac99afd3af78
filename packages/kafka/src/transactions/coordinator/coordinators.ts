import { setTimeout as delay } from "node:timers/promises";
import { BrokerAnswerError, throwIfFailed } from "../../broker/broker-answer.ts";
import type { Api, BrokerAddress, Connections } from "../../broker/connections.ts";

/** What is coordinated, and on whose connection it is asked. */
type Coordinated = {
  readonly kind: "group" | "transaction";
  readonly key: string;
  readonly channel: string;
};

export type Coordinators = {
  /**
   * Asks the coordinator of a group or a transactional id, who is looked up when unknown or moved. A busy one is
   * asked again for up to 10 s: it refuses what comes before the last transaction's markers are written (some
   * milliseconds after its commit was answered), a fence before what it ends has ended, and everything while it
   * loads its log.
   *
   * @param codesOf all error codes in an answer that mean that it was refused
   * @throws {BrokerAnswerError} refused
   * @throws {Error} nobody has answered in time: it may have been done or may still be
   */
  ask: <Args extends unknown[], Answer>(
    of: Coordinated,
    api: Api<Args, Answer>,
    codesOf: (answer: Answer) => readonly number[],
    ...args: Args
  ) => Promise<Answer>;
  /**
   * Who it is now.
   * @throws {Error}
   */
  find: (of: Omit<Coordinated, "channel">) => Promise<BrokerAddress>;
};

/**
 * Shorter than a broker's session with the controller (9 s) and a member's with its group (10 s): a coordinator
 * that was frozen and is no longer one has no time to answer from what it knew.
 */
const ANSWER_TIMEOUT_MS = 5_000;
const BUSY_FOR_MS = 10_000;
const MOST_WAIT_MS = 200;

const BUSY = new Set(["CONCURRENT_TRANSACTIONS", "COORDINATOR_LOAD_IN_PROGRESS"]);
const MOVED = new Set(["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]);

export function createCoordinators(connections: Connections): Coordinators {
  const known = new Map<string, BrokerAddress>();

  const find = async ({ kind, key }: Omit<Coordinated, "channel">): Promise<BrokerAddress> => {
    const name = `${kind} ${key}`;
    const address = known.get(name) ?? (await connections.coordinator(kind, key));
    known.set(name, address);
    return address;
  };

  return {
    find,

    ask: async (of, api, codesOf, ...args) => {
      const { kind, key, channel } = of;
      const askOnce = async () => {
        const coordinator = await find(of);
        const request = { api, timeoutMs: ANSWER_TIMEOUT_MS };
        const answer = await connections.call(coordinator, channel, request, ...args);
        const refused = codesOf(answer).find((code) => code !== 0);
        throwIfFailed(refused ?? 0, `coordinator of ${key}`);
        return answer;
      };
      const giveUpAtMs = performance.now() + BUSY_FOR_MS;
      for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, MOST_WAIT_MS)) {
        try {
          return await askOnce();
        } catch (error) {
          const type = error instanceof BrokerAnswerError ? error.type : undefined;
          // Also one that does not answer: somebody else may be the coordinator by now.
          if (type === undefined || MOVED.has(type)) known.delete(`${kind} ${key}`);
          const isWorthWaiting = type !== undefined && (BUSY.has(type) || MOVED.has(type));
          if (!isWorthWaiting || performance.now() > giveUpAtMs) throw error;
        }
        await delay(waitMs);
      }
    },
  };
}
