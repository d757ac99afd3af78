import { setTimeout as delay } from "node:timers/promises";
import {
  createGatewayClient,
  type GatewayClient,
} from "@fiberstream/simulator/load/gateway-client";
import { readAnswer, type Refusals, unanswered } from "@fiberstream/simulator/load/read-answer";
import { nowMicros } from "@fiberstream/simulator/probes/timestamp";
import type { Gate } from "./gate.ts";
import type { EventRef, Ledger } from "./ledger.ts";
import type { Sender } from "./senders.ts";

export type Load = {
  /** How often each reason for a retry occurred, such as "503 OVERLOADED". */
  readonly reasons: Readonly<Record<string, number>>;
  /** Valid events that a gateway rejected permanently: there should be none. */
  readonly refused: Readonly<Record<string, number>>;
};

/** Timeout of a sender. */
const TIMEOUT_MS = 10_000;
const RETRY_MS = [100, 200, 500, 1_000] as const;

/**
 * Sends the events of all senders. Each sender sends one request after the other, and retries it, alternating between
 * the gateways, until all of its events are accepted.
 *
 * @param load.gatewayUrls the gateways that senders use
 * @param load.stopping ends the load early; requests in flight are abandoned
 * @returns when all events are accepted, or the load was stopped
 */
export async function sendLoad(load: {
  senders: readonly Sender[];
  ledger: Ledger;
  gatewayUrls: readonly URL[];
  /** Returns whether a rejection is caused by a fault, so that a retry may succeed with the other gateway. */
  isPassing?: (reason: string) => boolean;
  /** Holds new requests while it is closed. */
  gate?: Gate;
  stopping: AbortSignal;
}): Promise<Load> {
  const { senders, ledger, stopping, isPassing = () => false } = load;
  const isFinal = (reason: string) => isOfTheEvent(reason) && !isPassing(reason);
  const clients = load.gatewayUrls.map((url) =>
    createGatewayClient({ url, connections: senders.length, timeoutMs: TIMEOUT_MS }),
  );
  const reasons: Record<string, number> = {};
  const refused: Record<string, number> = {};
  const startMs = performance.now();

  const run = async (sender: Sender, at: number) => {
    for (let request = 0; request < sender.requests && !stopping.aborted; request++) {
      const dueMs = startMs + (request + at / senders.length) * sender.everyMs;
      await pause(dueMs - performance.now(), stopping);
      await load.gate?.pass();
      if (stopping.aborted) return;
      const now = nowMicros();
      const events = sender.nodes.flatMap((node) =>
        Array.from({ length: sender.perNode }, () => ledger.plan(node, now)),
      );
      await deliver(sender, events, at);
    }
  };

  const deliver = async (sender: Sender, events: readonly EventRef[], at: number) => {
    let pending = events;
    for (let tries = 0; pending.length > 0 && !stopping.aborted; tries++) {
      const client = clients[(at + tries) % clients.length];
      if (client === undefined) throw new Error("there is no gateway to send to");
      ledger.sent(pending);
      const refusals = await post(client, sender, bodyOf(ledger, pending, sender.form));
      for (const [index, event] of pending.entries()) {
        const reason = refusals.get(index);
        if (reason === undefined) ledger.accepted(event);
        else if (isFinal(reason)) refused[reason] = (refused[reason] ?? 0) + 1;
        else reasons[reason] = (reasons[reason] ?? 0) + 1;
      }
      pending = pending.filter((_, index) => {
        const reason = refusals.get(index);
        return reason !== undefined && !isFinal(reason);
      });
      if (pending.length > 0) {
        await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] ?? 0, stopping);
      }
    }
  };

  try {
    await Promise.all(senders.map(run));
  } finally {
    for (const client of clients) client.close();
  }
  return { reasons, refused };
}

async function post(client: GatewayClient, sender: Sender, body: string): Promise<Refusals> {
  const events = sender.form === "single" ? 1 : sender.nodes.length * sender.perNode;
  try {
    const path = sender.form === "single" ? "/api/push" : "/api/ingest";
    return readAnswer(await client.post(path, body), events);
  } catch (error) {
    return unanswered(error, events);
  }
}

function bodyOf(ledger: Ledger, events: readonly EventRef[], form: Sender["form"]): string {
  const metrics = events.map(({ node, number }) => {
    const of = ledger.nodes[node];
    return of?.probe.eventAt(number, of.micros[number] ?? 0);
  });
  return JSON.stringify(form === "single" ? metrics[0] : { metrics });
}

/** Returns whether a rejection is permanent, because the event is invalid. */
const isOfTheEvent = (reason: string): boolean =>
  reason.startsWith("rejected ") || (/^4\d\d/.test(reason) && !/^4(08|09|29)/.test(reason));

const pause = (ms: number, stopping: AbortSignal) =>
  ms > 0
    ? delay(ms, undefined, { signal: stopping }).catch(() => undefined)
    : Promise.resolve(undefined);
