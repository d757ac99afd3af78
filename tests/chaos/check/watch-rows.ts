import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { countUpTo, type Ledger } from "../load/ledger.ts";
import { createWaitWatch, type WaitWindow } from "./waits.ts";

/** One sample of the progress. */
export type Sample = {
  readonly atMs: number;
  readonly accepted: number;
  /** Events whose rows exist, by the newest row of each node. */
  readonly visible: number;
  /** Accepted events that are not visible yet. */
  readonly lag: number;
};

/** The recovery from a fault; times are `performance.now()`. */
type Recovery = {
  readonly acceptedUpTo: readonly number[];
  readonly visibleAtEnd: number;
  readonly hadBacklog: boolean;
  firstRowMs: number | undefined;
  recoveredMs: number | undefined;
};

export type RowsWatch = {
  readonly samples: readonly Sample[];
  /**
   * Starts to measure how long partitions wait.
   * @param affected the nodes in partitions that the fault affects
   */
  readonly faultBegins: (affected: ReadonlySet<number>) => WaitWindow;
  /** Starts to measure the recovery from a fault that has just ended. */
  readonly faultEnded: () => {
    /** Time from the fault's end to the first new row. */
    readonly firstRowMs: () => number | undefined;
    /** Time from the fault's end until all events accepted before it were rows. */
    readonly recoveredMs: () => number | undefined;
  };
  /** Waits until all accepted events are visible, or nothing has changed for `stallMs`. */
  readonly settle: (options: { stallMs: number }) => Promise<void>;
  readonly end: () => Promise<void>;
};

const POLL_INTERVAL_MS = 250;

/** Polls the table four times a second for the newest row of each node, with an index-only scan. */
export function watchRows(options: { databaseUrl: string; ledger: Ledger }): RowsWatch {
  const { databaseUrl, ledger } = options;
  const nodeIds = ledger.nodes.map(({ probe }) => probe.nodeId);
  const visible = nodeIds.map(() => 0);
  const samples: Sample[] = [];
  const recoveries = new Set<Recovery>();
  const waits = createWaitWatch(ledger);
  const ending = new AbortController();
  let client: Client | undefined;
  let lastMoveMs = performance.now();

  const poll = async () => {
    client ??= await connectTo(databaseUrl);
    const { rows } = await client.query<{ node: number; micros: number }>(NEWEST, [nodeIds]);
    // Reset, because a database that was restored to an earlier state has fewer rows.
    visible.fill(0);
    for (const { node, micros } of rows) {
      visible[node] = countUpTo(ledger.nodes[node]?.micros ?? [], micros);
    }
  };

  const note = () => {
    const atMs = performance.now();
    const total = visible.reduce((sum, count) => sum + count, 0);
    const lag = ledger.nodes.reduce(
      (sum, { acceptedUpTo }, node) => sum + Math.max(0, acceptedUpTo - (visible[node] ?? 0)),
      0,
    );
    waits.look(atMs, visible);
    if (total !== samples.at(-1)?.visible) lastMoveMs = atMs;
    samples.push({ atMs, accepted: ledger.counts().accepted, visible: total, lag });
    for (const recovery of recoveries) {
      if (total > recovery.visibleAtEnd) recovery.firstRowMs ??= atMs;
      if (!recovery.acceptedUpTo.every((count, node) => (visible[node] ?? 0) >= count)) continue;
      if (recovery.firstRowMs === undefined && recovery.hadBacklog) continue;
      recovery.recoveredMs = atMs;
      recoveries.delete(recovery);
    }
  };

  const watch = async () => {
    while (!ending.signal.aborted) {
      await poll().catch(() => {
        // The database is down because of a fault. The last values stay, and the next poll reconnects.
        client?.end().catch(() => undefined);
        client = undefined;
      });
      note();
      await delay(POLL_INTERVAL_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
    await client?.end();
  };
  const watching = watch();

  return {
    samples,
    faultBegins: waits.faultBegins,
    faultEnded: () => {
      const endedMs = performance.now();
      const recovery: Recovery = {
        acceptedUpTo: ledger.nodes.map(({ acceptedUpTo }) => acceptedUpTo),
        visibleAtEnd: samples.at(-1)?.visible ?? 0,
        hadBacklog: ledger.nodes.some(({ acceptedUpTo }, at) => (visible[at] ?? 0) < acceptedUpTo),
        firstRowMs: undefined,
        recoveredMs: undefined,
      };
      recoveries.add(recovery);
      const since = (ms: number | undefined) => (ms === undefined ? undefined : ms - endedMs);
      return {
        firstRowMs: () => since(recovery.firstRowMs),
        recoveredMs: () => since(recovery.recoveredMs),
      };
    },
    settle: async ({ stallMs }) => {
      lastMoveMs = performance.now();
      while (samples.at(-1)?.lag !== 0 && performance.now() - lastMoveMs < stallMs) {
        await delay(POLL_INTERVAL_MS);
      }
    },
    end: () => {
      ending.abort();
      return watching;
    },
  };
}

async function connectTo(databaseUrl: string): Promise<Client> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 2_000,
    query_timeout: 5_000,
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

const NEWEST = `
  SELECT (wanted.at - 1)::int AS node, (extract(epoch FROM newest.time) * 1000000)::float8 AS micros
    FROM unnest($1::text[]) WITH ORDINALITY AS wanted (node_id, at),
    LATERAL (
      SELECT time FROM metrics WHERE node_id = wanted.node_id ORDER BY time DESC LIMIT 1
    ) AS newest`;
