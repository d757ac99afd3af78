import { BrokerAnswerError } from "./broker-answer.ts";
import type { BrokerAddress } from "./connection-pool.ts";
import { nameOf } from "./broker-turns.ts";

export type AbsenceWatch = {
  /**
   * Watches a call to a broker. It ends early if the cluster no longer has the broker.
   * @throws {Error} what the call throws
   */
  during: <Answer>(broker: BrokerAddress, call: Promise<Answer>) => Promise<Answer>;
  close: () => void;
};

/** Healthy brokers, too, are silent for that long: replicas answer late, members of a group join late. */
const SILENT_AFTER_MS = 1_000;
/** Until the cluster has removed the broker; about 9 s, `broker.session.timeout.ms`. */
const ASK_EVERY_MS = 250;

type Call = { readonly sinceMs: number; isDropped: boolean };
type Watched = {
  readonly calls: Set<Call>;
  /** Since when no call has been answered; undefined if the last one was. */
  silentSinceMs: number | undefined;
  timer: NodeJS.Timeout | undefined;
  isAsking: boolean;
};

/**
 * Ends the calls to brokers that the controller has removed from the cluster, because they are frozen, dead or cut off.
 * Such a broker is the leader and the coordinator of nothing, and each call would only wait for its own timeout, and the
 * next one again. A broker that is merely slow is still in the cluster: its calls have their whole timeout.
 *
 * @param options.isListed asks a broker other than this one whether the cluster has this one, each time another broker.
 *   Called only while a call to it is silent; two answers count, because one broker may lag
 * @param options.drop closes the connections to the broker, which ends the calls
 */
export function watchAbsentBrokers(options: {
  isListed: (broker: BrokerAddress) => Promise<boolean>;
  drop: (broker: BrokerAddress) => void;
}): AbsenceWatch {
  const { isListed, drop } = options;
  const brokers = new Map<string, Watched>();

  const watchedOf = (name: string): Watched => {
    let watched = brokers.get(name);
    if (watched === undefined) {
      watched = { calls: new Set(), silentSinceMs: undefined, timer: undefined, isAsking: false };
      brokers.set(name, watched);
    }
    return watched;
  };

  const isSilent = ({ calls, silentSinceMs }: Watched): boolean => {
    const [oldest] = calls;
    const sinceMs = Math.min(silentSinceMs ?? Infinity, oldest?.sinceMs ?? Infinity);
    return performance.now() - sinceMs > SILENT_AFTER_MS;
  };

  const look = async (broker: BrokerAddress, watched: Watched) => {
    if (watched.calls.size === 0) {
      clearInterval(watched.timer);
      watched.timer = undefined;
      return;
    }
    if (watched.isAsking || !isSilent(watched)) return;
    watched.isAsking = true;
    try {
      if ((await isListed(broker)) || (await isListed(broker))) return;
      for (const call of watched.calls) call.isDropped = true;
      drop(broker);
    } catch {
      // No other broker answers: the calls have their timeouts.
    } finally {
      watched.isAsking = false;
    }
  };

  return {
    during: async (broker, answered) => {
      const name = nameOf(broker);
      const watched = watchedOf(name);
      const call: Call = { sinceMs: performance.now(), isDropped: false };
      watched.calls.add(call);
      watched.timer ??= setInterval(() => void look(broker, watched), ASK_EVERY_MS).unref();
      try {
        const answer = await answered;
        watched.silentSinceMs = undefined;
        return answer;
      } catch (error) {
        if (error instanceof BrokerAnswerError) watched.silentSinceMs = undefined;
        else watched.silentSinceMs ??= call.sinceMs;
        if (!call.isDropped) throw error;
        throw new Error(`${name} is no longer in the cluster`, { cause: error });
      } finally {
        watched.calls.delete(call);
      }
    },
    close: () => {
      for (const { timer } of brokers.values()) clearInterval(timer);
      brokers.clear();
    },
  };
}
