import { BrokerAnswerError } from "./broker-answer.ts";
import type { BrokerAddress } from "./connection-pool.ts";

export type BrokerTurns = {
  /**
   * Asks one broker after the other until one answers a request that any broker can answer. A broker that is cut off from
   * the controller, or lags, answers with what it knew before. So the same request goes to another broker each time.
   * @param about identifies the request
   * @param ask sends the request, and reports the cluster's brokers with `clusterHas`
   * @param except is not asked
   * @throws {BrokerAnswerError} when two brokers answer with an error
   * @throws {Error} when all are unavailable
   */
  askAny: <Answer>(
    about: string,
    ask: (
      broker: BrokerAddress,
      clusterHas: (brokers: readonly BrokerAddress[]) => void,
    ) => Promise<Answer>,
    except?: BrokerAddress,
  ) => Promise<Answer>;
  /** Reports a broker that has not answered another request. */
  avoid: (broker: BrokerAddress) => void;
};

/** Brokers that did not answer are asked last for so long: a frozen one must not delay what others can answer. */
const AVOIDED_MS = 30_000;
/** One broker may lag: an error counts when two brokers answer with it. */
const MAX_REFUSALS = 2;

/** @param bootstrap asked first, and again if none of the cluster's brokers answers */
export function createBrokerTurns(bootstrap: readonly BrokerAddress[]): BrokerTurns {
  /** The brokers by the last answer. */
  let known = bootstrap;
  const failedAtMs = new Map<string, number>();
  /** By request, the broker that has answered it last. */
  const answeredBy = new Map<string, string>();

  const isAvoided = (broker: BrokerAddress) =>
    performance.now() - (failedAtMs.get(nameOf(broker)) ?? -Infinity) < AVOIDED_MS;

  const clusterHas = (brokers: readonly BrokerAddress[]) => {
    // A list of one broker may be from a time when the others were unavailable.
    known = brokers.length > 1 ? brokers : distinct([...brokers, ...bootstrap]);
  };

  const avoid = (broker: BrokerAddress) => void failedAtMs.set(nameOf(broker), performance.now());

  /** Returns the brokers in the order in which to ask them. */
  const inTurn = (about: string): BrokerAddress[] => {
    const last = known.findIndex((broker) => nameOf(broker) === answeredBy.get(about));
    const rotated = [...known.slice(last + 1), ...known.slice(0, last + 1)];
    return distinct([
      ...rotated.filter((broker) => !isAvoided(broker)),
      ...rotated.filter(isAvoided),
      // All brokers may have other addresses by now.
      ...bootstrap,
    ]);
  };

  const askAny: BrokerTurns["askAny"] = async (about, ask, except) => {
    let failure: unknown = new Error(`there is no other broker to ask for ${about}`);
    let refusals = 0;
    const excluded = except && nameOf(except);
    for (const broker of inTurn(about).filter((one) => nameOf(one) !== excluded)) {
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
          if (refusals === MAX_REFUSALS) break;
        } else {
          avoid(broker);
          // An error answer of one broker is more useful than that others are unavailable.
          if (refusals === 0) failure = error;
        }
      }
    }
    throw failure;
  };

  return { askAny, avoid };
}

export const nameOf = ({ host, port }: BrokerAddress): string => `${host}:${port}`;

const distinct = (brokers: readonly BrokerAddress[]): BrokerAddress[] => [
  ...new Map(brokers.map((broker) => [nameOf(broker), broker])).values(),
];
