import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { Ask } from "../questions/ask.ts";
import { isoText, statement } from "../questions/statement.ts";
import type { TableColumns } from "../questions/table-columns.ts";
import { tenantOfNode } from "../routes/nodes/node-columns.ts";
import type { NodeState, NodeStates, OwnedState } from "./node-states.ts";

export type NodeWatch = {
  /**
   * Reads changes while somebody looks.
   * @returns a function that ends that
   * @throws {Refusal} when the states cannot be read at first
   */
  readonly look: () => Promise<() => void>;
  readonly end: () => void;
};

const EVERY_MS = 500;
/** Of the time at most a tenth is spent in the database. */
const PAUSE_FACTOR = 10;
/** Rows are committed some time after they were received: those of so long are looked at each time. */
const OVERLAP_S = 5;
/** All nodes are read so often, which finds rows that came later than that, and nodes that were edited. */
const ALL_EVERY_MS = 30_000;

/** Keeps the states of nodes while at least one reader looks at them. */
export function createNodeWatch(options: {
  ask: Ask;
  columns: TableColumns;
  states: NodeStates;
  log: Log;
}): NodeWatch {
  const { ask, columns, states, log } = options;
  const stop = new AbortController();
  const lookers = new Set<symbol>();
  let first: Promise<void> | undefined;
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: messageOf(error), times }, "live states cannot be read, retrying"),
  );

  const read = async (which: "all" | "recent"): Promise<OwnedState[]> => {
    const rows = await ask<NodeState & { tenant: string | null }>(
      // For all readers together; what a reader sees is decided when it is sent.
      statement({ tenants: "all" }, ({ ofTenants }) => {
        ofTenants("nodes.tenant");
        const recent = `nodes.node_id IN (
          SELECT DISTINCT node_id FROM metrics
          WHERE received_at > now() - interval '${OVERLAP_S} s' AND time > now() - interval '1 day')`;
        return `SELECT nodes.node_id, ${tenantOfNode(columns)} AS tenant, status, nodes.country, nodes.region, lat, lng,
                       ${isoText("latest.time")} AS time, latest.latency_ms, latest.uptime_pct, latest.packet_loss,
                       latest.anomaly_score
                FROM nodes LEFT JOIN LATERAL (
                  SELECT time, latency_ms, uptime_pct, packet_loss, anomaly_score FROM metrics
                  WHERE metrics.node_id = nodes.node_id ORDER BY metrics.time DESC LIMIT 1
                ) AS latest ON true
                WHERE status <> 'deleted' AND ${which === "all" ? "true" : recent}`;
      }),
    );
    return rows.map(({ tenant, ...state }) => ({ tenant, state }));
  };

  const run = async () => {
    let readAllAtMs = performance.now();
    while (lookers.size > 0 && !stop.signal.aborted) {
      const begunMs = performance.now();
      try {
        if (begunMs - readAllAtMs > ALL_EVERY_MS) {
          states.replaceAll(await read("all"));
          readAllAtMs = begunMs;
        } else states.update(await read("recent"));
      } catch (error) {
        warn(error);
      }
      const tookMs = performance.now() - begunMs;
      const pauseMs = Math.max(EVERY_MS, tookMs * PAUSE_FACTOR);
      await delay(pauseMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    first = undefined;
  };

  const begin = async () => {
    states.replaceAll(await read("all"));
    void run();
  };

  return {
    look: async () => {
      const looker = Symbol("looker");
      lookers.add(looker);
      try {
        first ??= begin();
        await first;
      } catch (error) {
        lookers.delete(looker);
        first = undefined;
        throw error;
      }
      return () => {
        lookers.delete(looker);
      };
    },
    end: () => stop.abort(),
  };
}
