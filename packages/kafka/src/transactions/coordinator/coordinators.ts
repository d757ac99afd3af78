import { setTimeout as delay } from "node:timers/promises";
import { BrokerAnswerError, throwIfFailed } from "../../broker/broker-answer.ts";
import type { Api, BrokerAddress, Connections } from "../../broker/connections.ts";

/** A group or transactional id, and the channel for requests to its coordinator. */
type Coordinated = {
  readonly kind: "group" | "transaction";
  readonly key: string;
  readonly channel: string;
  /** The coordinator is looked up again if it has not answered for so long: another broker may have replaced it. */
  readonly trustForMs?: number | undefined;
};

export type Coordinators = {
  /**
   * Sends a request to the coordinator of a group or a transactional id; finds the coordinator if it is unknown or has moved.
   * A busy coordinator is retried for up to 10 s: it rejects requests until the last transaction's markers are written
   * (some milliseconds after its commit was answered), a fence until the transaction that it aborts has ended, and all
   * requests while it loads its log.
   *
   * @param codesOf returns the answer's error codes
   * @throws {BrokerAnswerError} the coordinator rejected the request
   * @throws {Error} no answer in time: the request may have been executed, or may still be
   */
  ask: <Args extends unknown[], Answer>(
    of: Coordinated,
    api: Api<Args, Answer>,
    codesOf: (answer: Answer) => readonly number[],
    ...args: Args
  ) => Promise<Answer>;
  /**
   * Returns the current coordinator.
   * @throws {Error}
   */
  find: (of: Pick<Coordinated, "kind" | "key">) => Promise<BrokerAddress>;
};

/**
 * Shorter than a broker's session with the controller (9 s) and a member's with its group (10 s): a coordinator that
 * was frozen and has been replaced cannot answer from its outdated state in time.
 */
const ANSWER_TIMEOUT_MS = 5_000;
const BUSY_FOR_MS = 10_000;
const MAX_WAIT_MS = 200;

const BUSY = new Set(["CONCURRENT_TRANSACTIONS", "COORDINATOR_LOAD_IN_PROGRESS"]);
const MOVED = new Set(["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]);

export function createCoordinators(
  connections: Pick<Connections, "call" | "coordinator">,
  nowMs: () => number = () => performance.now(),
): Coordinators {
  /** `atMs`: when it was looked up, or its last answer arrived. */
  const known = new Map<string, { readonly address: BrokerAddress; readonly atMs: number }>();

  const find = async (of: Omit<Coordinated, "channel">): Promise<BrokerAddress> => {
    const { kind, key, trustForMs = Infinity } = of;
    const name = `${kind} ${key}`;
    const last = known.get(name);
    if (last !== undefined && nowMs() - last.atMs <= trustForMs) return last.address;
    const address = await connections.coordinator(kind, key);
    known.set(name, { address, atMs: nowMs() });
    return address;
  };

  return {
    find: ({ kind, key }) => find({ kind, key }),

    ask: async (of, api, codesOf, ...args) => {
      const { kind, key, channel } = of;
      const sendOnce = async () => {
        const coordinator = await find(of);
        const request = { api, timeoutMs: ANSWER_TIMEOUT_MS };
        const answer = await connections.call(coordinator, channel, request, ...args);
        const refused = codesOf(answer).find((code) => code !== 0);
        throwIfFailed(refused ?? 0, `coordinator of ${key}`);
        const name = `${kind} ${key}`;
        if (known.get(name)?.address === coordinator) {
          known.set(name, { address: coordinator, atMs: nowMs() });
        }
        return answer;
      };
      const giveUpAtMs = performance.now() + BUSY_FOR_MS;
      for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
        try {
          return await sendOnce();
        } catch (error) {
          const type = error instanceof BrokerAnswerError ? error.type : undefined;
          // Also without an answer: another broker may be the coordinator by now.
          if (type === undefined || MOVED.has(type)) known.delete(`${kind} ${key}`);
          const isRetried = type !== undefined && (BUSY.has(type) || MOVED.has(type));
          if (!isRetried || performance.now() > giveUpAtMs) throw error;
        }
        await delay(waitMs);
      }
    },
  };
}
