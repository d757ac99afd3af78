import { BrokerAnswerError } from "./broker-answer.ts";
import type { BrokerAddress } from "./connection-pool.ts";

/**
 * Asks one broker after the other until one answers: what any of them can tell, but not each one rightly. One that
 * is cut off from the controller, or that lags, goes on answering with what it knew. So the same question is put
 * to another broker each time.
 * @param about the question in words, the same for the same question
 * @param ask told with `clusterHas` which brokers there are
 * @throws {BrokerAnswerError} when two refuse to answer
 * @throws {Error} when all are unavailable
 */
export type BrokerTurns = <Answer>(
  about: string,
  ask: (
    broker: BrokerAddress,
    clusterHas: (brokers: readonly BrokerAddress[]) => void,
  ) => Promise<Answer>,
) => Promise<Answer>;

/** Those that were silent are asked last for so long: a frozen one must hold up nothing that others can answer. */
const AVOIDED_MS = 30_000;
/** One may lag behind: what two of them refuse is refused. */
const MOST_REFUSALS = 2;

/** @param bootstrap asked first, and again when none of the cluster's brokers answers */
export function createBrokerTurns(bootstrap: readonly BrokerAddress[]): BrokerTurns {
  /** What the cluster has by its last answer. */
  let known = bootstrap;
  const failedAtMs = new Map<string, number>();
  /** By question, who has answered it last. */
  const answeredBy = new Map<string, string>();

  const isAvoided = (broker: BrokerAddress) =>
    performance.now() - (failedAtMs.get(nameOf(broker)) ?? -Infinity) < AVOIDED_MS;

  const clusterHas = (brokers: readonly BrokerAddress[]) => {
    // A list of one may be of a time when the others were unavailable.
    known = brokers.length > 1 ? brokers : distinct([...brokers, ...bootstrap]);
  };

  /** Whose turn it is, then the others. */
  const inTurn = (about: string): BrokerAddress[] => {
    const last = known.findIndex((broker) => nameOf(broker) === answeredBy.get(about));
    const turned = [...known.slice(last + 1), ...known.slice(0, last + 1)];
    return distinct([
      ...turned.filter((broker) => !isAvoided(broker)),
      ...turned.filter(isAvoided),
      // All of them may have other addresses by now.
      ...bootstrap,
    ]);
  };

  return async (about, ask) => {
    let failure: unknown;
    let refusals = 0;
    for (const broker of inTurn(about)) {
      const name = nameOf(broker);
      try {
        const answer = await ask(broker, clusterHas);
        failedAtMs.delete(name);
        answeredBy.set(about, name);
        return answer;
      } catch (error) {
        if (error instanceof BrokerAnswerError) {
          answeredBy.set(about, name);
          refusals++;
          failure = error;
          if (refusals === MOST_REFUSALS) break;
        } else {
          failedAtMs.set(name, performance.now());
          // What one has said counts for more than that others are unavailable.
          if (refusals === 0) failure = error;
        }
      }
    }
    throw failure;
  };
}

export const nameOf = ({ host, port }: BrokerAddress): string => `${host}:${port}`;

const distinct = (brokers: readonly BrokerAddress[]): BrokerAddress[] => [
  ...new Map(brokers.map((broker) => [nameOf(broker), broker])).values(),
];
