import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { type Quantiles, quantilesOf } from "../harness/quantiles.ts";
import { type DataPlan, countryOf, nodeIdOf, regionOf } from "./data/plan.ts";

export type LiveFigures = {
  /** From the POST to the event in the stream. */
  readonly patch: Quantiles;
  /** From the POST to the row, by asking for it again and again. */
  readonly row: Quantiles;
  readonly differences: readonly string[];
};

const POSTS = 40;
const POLL_INTERVAL_MS = 5;
const TIMEOUT_MS = 30_000;

/**
 * Posts single events to the gateway and waits for each in the console's stream and in the table. The posts are at random
 * moments of the half second between two looks of the console.
 */
export async function measureLive(options: {
  gatewayUrl: string;
  consoleUrl: string;
  sql: Client;
  plan: DataPlan;
  onDone: (posts: number) => void;
}): Promise<LiveFigures> {
  const { gatewayUrl, consoleUrl, sql, plan, onDone } = options;
  const stream = await openStream(`${consoleUrl}/api/v1/stream`);
  const patchMs: number[] = [];
  const rowMs: number[] = [];
  const differences: string[] = [];
  try {
    await stream.snapshot;
    for (let post = 0; post <= POSTS; post++) {
      await delay(Math.random() * 500);
      const number = (post * 31) % plan.nodes;
      const node = nodeIdOf(number);
      const latency = 1_000 + post + 0.125;
      const time = new Date().toISOString();
      const seen = stream.stateOf(node, time);
      const begunMs = performance.now();
      await postEvent(gatewayUrl, { node, number, latency, time });
      const [state, visibleMs] = await Promise.all([seen, rowVisible(sql, node, time)]);
      // The first event goes through connections and code that nobody has used yet.
      if (post > 0) {
        patchMs.push(state.atMs - begunMs);
        rowMs.push(visibleMs - begunMs);
      }
      if (state.latency !== latency) {
        differences.push(
          `the stream says ${state.latency} ms for ${node} at ${time}, and ${latency} was posted`,
        );
      }
      onDone(post);
    }
  } finally {
    stream.close();
  }
  return { patch: quantilesOf(patchMs), row: quantilesOf(rowMs), differences };
}

async function postEvent(
  url: string,
  event: { node: string; number: number; latency: number; time: string },
): Promise<void> {
  const { node, number, latency, time } = event;
  const response = await fetch(`${url}/api/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      node_id: node,
      country: countryOf(number),
      region: regionOf(number),
      latency_ms: latency,
      uptime_pct: 100,
      packet_loss: 0,
      timestamp: time,
      target_host: "one.example.net",
      probe_type: "ping",
    }),
  });
  if (response.status !== 202) throw new Error(`POST: ${response.status} ${await response.text()}`);
}

async function rowVisible(sql: Client, node: string, time: string): Promise<number> {
  const giveUpAtMs = performance.now() + TIMEOUT_MS;
  while (performance.now() < giveUpAtMs) {
    const { rowCount } = await sql.query("SELECT FROM metrics WHERE node_id = $1 AND time = $2", [
      node,
      time,
    ]);
    if (rowCount === 1) return performance.now();
    await delay(POLL_INTERVAL_MS);
  }
  throw new Error(`the event of ${node} at ${time} did not become a row`);
}

type Seen = { readonly atMs: number; readonly latency: number | null };

/** Reads server-sent events: `snapshot` resolves with the first one, `stateOf` with the first patch that has a node's time. */
async function openStream(url: string) {
  const stop = new AbortController();
  const response = await fetch(url, { signal: stop.signal });
  if (response.status !== 200 || response.body === null) {
    throw new Error(`stream: ${response.status} ${await response.text()}`);
  }
  const snapshot = Promise.withResolvers<void>();
  const waiting = new Map<string, (seen: Seen) => void>();
  const onEvent = (name: string, data: string) => {
    const atMs = performance.now();
    if (name === "snapshot") {
      snapshot.resolve();
      return;
    }
    if (name !== "nodes") return;
    const columns = JSON.parse(data) as {
      node_id: string[];
      time: (string | null)[];
      latency_ms: (number | null)[];
    };
    for (const [at, node] of columns.node_id.entries()) {
      const key = `${node} ${Date.parse(columns.time[at] ?? "")}`;
      waiting.get(key)?.({ atMs, latency: columns.latency_ms[at] ?? null });
      waiting.delete(key);
    }
  };
  const read = async (body: AsyncIterable<Uint8Array>) => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const field = (name: string) =>
          event
            .split("\n")
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2) ?? "";
        onEvent(field("event"), field("data"));
      }
    }
  };
  void read(response.body).catch(snapshot.reject);
  return {
    snapshot: snapshot.promise,
    stateOf: (node: string, time: string): Promise<Seen> => {
      const seen = Promise.withResolvers<Seen>();
      const giveUp = setTimeout(
        () => seen.reject(new Error(`the stream did not send the event of ${node} at ${time}`)),
        TIMEOUT_MS,
      );
      waiting.set(`${node} ${Date.parse(time)}`, (found) => {
        clearTimeout(giveUp);
        seen.resolve(found);
      });
      return seen.promise;
    },
    close: () => stop.abort(),
  };
}
