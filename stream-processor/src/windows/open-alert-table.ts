import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { AlertKind, OpenAlerts } from "./alerts.ts";

/** The open alerts, at most one for each node and kind. */
export type OpenAlertTable = {
  of: (nodeId: string) => OpenAlerts | undefined;
  /** Records that an alert was opened or resolved. */
  track: (alert: ProbeAlert) => void;
  /** In the order in which they were opened. */
  all: () => ProbeAlert[];
};

/**
 * Only a node's own events resolve its alerts, and a sender may name any number of new nodes: past `maxAlerts` the alert
 * that was opened first is dropped. Which one is dropped depends only on the order of the alerts, so that a process that
 * reads them from their topic drops the same ones.
 */
export function createOpenAlertTable({ maxAlerts }: { maxAlerts: number }): OpenAlertTable {
  const byNode = new Map<string, OpenAlerts>();
  const byKey = new Map<string, ProbeAlert>();

  const drop = ({ node_id, kind }: ProbeAlert) => {
    byKey.delete(keyOf(node_id, kind));
    const { [kind as AlertKind]: _, ...others } = byNode.get(node_id) ?? {};
    if (Object.keys(others).length === 0) byNode.delete(node_id);
    else byNode.set(node_id, others);
  };

  return {
    of: (nodeId) => byNode.get(nodeId),
    track: (alert) => {
      drop(alert);
      if (alert.state !== "opened") return;
      byKey.set(keyOf(alert.node_id, alert.kind), alert);
      byNode.set(alert.node_id, { ...byNode.get(alert.node_id), [alert.kind]: alert });
      if (byKey.size <= maxAlerts) return;
      for (const oldest of byKey.values()) return drop(oldest);
    },
    all: () => [...byKey.values()],
  };
}

const keyOf = (nodeId: string, kind: string): string => `${kind} ${nodeId}`;
