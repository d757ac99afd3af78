import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { countUpTo, type Ledger } from "../load/ledger.ts";
import { createWaitWatch, type WaitWindow } from "./waits.ts";

/** One look at how far things are. */
export type Sample = {
  readonly atMs: number;
  readonly accepted: number;
  /** Events whose rows are there, by each node's newest one. */
  readonly visible: number;
  /** Accepted, not yet visible. */
  readonly lag: number;
};

/** How far a fault's wake is worked off; times are `performance.now()`. */
type Wake = {
  readonly acceptedUpTo: readonly number[];
  readonly visibleAtEnd: number;
  readonly hadBacklog: boolean;
  firstRowMs: number | undefined;
  recoveredMs: number | undefined;
};

export type RowsWatch = {
  readonly samples: readonly Sample[];
  /** Begins to time how long partitions wait. @param struck the nodes in those that the fault strikes */
  readonly faultBegins: (struck: ReadonlySet<number>) => WaitWindow;
  /** Begins to time the recovery from a fault that is over now. */
  readonly faultEnded: () => {
    /** From the fault's end to the first new row. */
    readonly firstRowMs: () => number | undefined;
    /** From the fault's end until every event accepted before it was a row. */
    readonly recoveredMs: () => number | undefined;
  };
  /** Waits until every accepted event is visible, or nothing has moved for `stallMs`. */
  readonly settle: (options: { stallMs: number }) => Promise<void>;
  readonly end: () => Promise<void>;
};

const POLL_INTERVAL_MS = 250;

/** Looks at the table four times a second: the newest row of each node, found by the index alone. */
export function watchRows(options: { databaseUrl: string; ledger: Ledger }): RowsWatch {
  const { databaseUrl, ledger } = options;
  const nodeIds = ledger.nodes.map(({ probe }) => probe.nodeId);
  const visible = nodeIds.map(() => 0);
  const samples: Sample[] = [];
  const wakes = new Set<Wake>();
  const waits = createWaitWatch(ledger);
  const ending = new AbortController();
  let client: Client | undefined;
  let lastMoveMs = performance.now();

  const poll = async () => {
    client ??= await connectTo(databaseUrl);
    const { rows } = await client.query<{ node: number; micros: number }>(NEWEST, [nodeIds]);
    // Not the most that ever was: a database that went back to an earlier state has them no more.
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
    for (const wake of wakes) {
      if (total > wake.visibleAtEnd) wake.firstRowMs ??= atMs;
      if (!wake.acceptedUpTo.every((count, node) => (visible[node] ?? 0) >= count)) continue;
      if (wake.firstRowMs === undefined && wake.hadBacklog) continue;
      wake.recoveredMs = atMs;
      wakes.delete(wake);
    }
  };

  const watch = async () => {
    while (!ending.signal.aborted) {
      await poll().catch(() => {
        // A fault has the database down: what was seen stays, and the next look connects anew.
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
      const wake: Wake = {
        acceptedUpTo: ledger.nodes.map(({ acceptedUpTo }) => acceptedUpTo),
        visibleAtEnd: samples.at(-1)?.visible ?? 0,
        hadBacklog: ledger.nodes.some(({ acceptedUpTo }, at) => (visible[at] ?? 0) < acceptedUpTo),
        firstRowMs: undefined,
        recoveredMs: undefined,
      };
      wakes.add(wake);
      const since = (ms: number | undefined) => (ms === undefined ? undefined : ms - endedMs);
      return {
        firstRowMs: () => since(wake.firstRowMs),
        recoveredMs: () => since(wake.recoveredMs),
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
