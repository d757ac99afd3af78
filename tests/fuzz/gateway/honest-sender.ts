import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import { quantilesOf } from "../../bench/harness/quantiles.ts";
import { event } from "./request-bytes.ts";

export type HonestSender = {
  /** Stops it; resolves when its last request is answered. */
  readonly end: () => Promise<void>;
  /** The number of accepted events by request; their nodes are named `<request>-<number>`. */
  readonly accepted: ReadonlyMap<string, number>;
  readonly faults: readonly string[];
  readonly describe: () => string;
};

const EVERY_MS = 50;
const BATCH_EVENTS = 20;

/** Sends an event or a small batch twenty times a second, and expects a 202 for each. */
export function startHonestSender(url: string, token: string): HonestSender {
  const accepted = new Map<string, number>();
  const faults: string[] = [];
  const latenciesMs: number[] = [];
  const over = new AbortController();
  let requests = 0;

  const send = async (request: string, { isBatch }: { isBatch: boolean }) => {
    const path = isBatch ? "/api/ingest" : "/api/push";
    const count = isBatch ? BATCH_EVENTS : 1;
    const events = Array.from({ length: count }, (_, at) => event(`${request}-${at}`));
    const beganMs = performance.now();
    try {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: token },
        body: isBatch ? `[${events.join(",")}]` : events.join(""),
        signal: AbortSignal.timeout(30_000),
      });
      const body = await response.text();
      latenciesMs.push(performance.now() - beganMs);
      if (response.status === 202 && !body.includes('"status":"retry"'))
        accepted.set(request, count);
      else faults.push(`an honest sender got ${response.status} ${body.slice(0, 300)}`);
    } catch (error) {
      faults.push(`an honest sender got no answer: ${messageOf(error)}`);
    }
  };

  const sending = (async () => {
    while (!over.signal.aborted) {
      const number = requests++;
      await send(`honest-${number}`, { isBatch: number % 4 === 3 });
      await delay(EVERY_MS);
    }
  })();

  return {
    accepted,
    faults,
    end: async () => {
      over.abort();
      await sending;
    },
    describe: () => {
      const { p50Ms, p99Ms, maxMs } = quantilesOf(latenciesMs);
      const ms = [p50Ms, p99Ms, maxMs].map((one) => one.toFixed(1)).join(" / ");
      return `${requests} requests, ${requests - faults.length} x 202, p50 / p99 / max ${ms} ms`;
    },
  };
}
