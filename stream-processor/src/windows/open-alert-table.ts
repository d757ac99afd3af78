import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { AlertKind, OpenAlerts } from "./alerts.ts";

/** The alerts that are open, at most one of a node and kind. */
export type OpenAlertTable = {
  of: (nodeId: string) => OpenAlerts | undefined;
  /** Takes in that an alert was opened or resolved. */
  track: (alert: ProbeAlert) => void;
  /** In the order in which they were opened. */
  all: () => ProbeAlert[];
};

/**
 * Only a node's own events resolve its alerts, and a sender may name new nodes without end: past `maxAlerts` the
 * alert that was opened first is forgotten. What is forgotten follows from the alerts in their order alone, so that
 * whoever reads them from their topic forgets the same.
 */
export function createOpenAlertTable({ maxAlerts }: { maxAlerts: number }): OpenAlertTable {
  const byNode = new Map<string, OpenAlerts>();
  const byKey = new Map<string, ProbeAlert>();

  const forget = ({ node_id, kind }: ProbeAlert) => {
    byKey.delete(keyOf(node_id, kind));
    const { [kind as AlertKind]: _, ...others } = byNode.get(node_id) ?? {};
    if (Object.keys(others).length === 0) byNode.delete(node_id);
    else byNode.set(node_id, others);
  };

  return {
    of: (nodeId) => byNode.get(nodeId),
    track: (alert) => {
      forget(alert);
      if (alert.state !== "opened") return;
      byKey.set(keyOf(alert.node_id, alert.kind), alert);
      byNode.set(alert.node_id, { ...byNode.get(alert.node_id), [alert.kind]: alert });
      if (byKey.size <= maxAlerts) return;
      for (const oldest of byKey.values()) return forget(oldest);
    },
    all: () => [...byKey.values()],
  };
}

const keyOf = (nodeId: string, kind: string): string => `${kind} ${nodeId}`;
