import type { Ask } from "../questions/ask.ts";
import { isoText, ownStatement } from "../questions/statement.ts";
import type { TableColumns } from "../questions/table-columns.ts";
import { isOfNodesTenant, tenantOfNode } from "../routes/nodes/node-columns.ts";
import type { NodeState, OwnedState } from "./node-states.ts";

/** Rows are committed some time after they were received: those of so long are looked at each time. */
const OVERLAP_S = 5;

/** Reads the states of nodes: of all, or of those that have sent lately. */
export const createReadNodes =
  ({ ask, columns }: { ask: Ask; columns: TableColumns }) =>
  async (which: "all" | "recent"): Promise<OwnedState[]> => {
    const rows = await ask<NodeState & { tenant: string | null }>(
      // For all readers together; what a reader sees is decided when it is sent.
      ownStatement(() => {
        const recent = `nodes.node_id IN (
          SELECT DISTINCT node_id FROM metrics
          WHERE received_at > now() - interval '${OVERLAP_S} s' AND time > now() - interval '1 day')`;
        return `SELECT nodes.node_id, ${tenantOfNode(columns)} AS tenant, status, nodes.country, nodes.region, lat, lng,
                       ${isoText("latest.time")} AS time, latest.latency_ms, latest.uptime_pct, latest.packet_loss,
                       latest.anomaly_score
                FROM nodes LEFT JOIN LATERAL (
                  SELECT time, tenant, latency_ms, uptime_pct, packet_loss, anomaly_score FROM metrics
                  WHERE metrics.node_id = nodes.node_id ORDER BY metrics.time DESC LIMIT 1
                ) AS latest ON ${isOfNodesTenant(columns)}
                WHERE status <> 'deleted' AND ${which === "all" ? "true" : recent}`;
      }),
    );
    return rows.map(({ tenant, ...state }) => ({ tenant, node: state.node_id, state }));
  };
