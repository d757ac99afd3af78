import { EVERYTHING } from "../access/scope.ts";
import type { Ask } from "../questions/ask.ts";
import { statement } from "../questions/statement.ts";
import {
  type Alert,
  ALERT_FIELDS,
  type AlertFields,
  linked,
} from "../routes/alerts/alert-fields.ts";
import { createLiveStates, type LiveStates, type Owned } from "./live-states.ts";
import type { Positions } from "./positions.ts";

/** As of the route `alerts`; deleted: it was erased, or is not among those that were opened last. */
export type AlertState = Omit<Alert, "state"> & { readonly state: Alert["state"] | "deleted" };

/** Each takes about 1 KB of memory. */
export const MAX_LIVE_ALERTS = 10_000;
/** Rows may be committed some time after `changed_at`. */
const OVERLAP_S = 5;
/** With all open ones, so that one which has just ended is not taken for a deleted one. */
const ENDED_S = 60;

export const createAlertStates = (positions: Positions): LiveStates<AlertState> =>
  createLiveStates({
    positions,
    idOf: ({ alert_id: id, kind }) => `${id} ${kind}`,
    hasEnded: ({ state }) => state !== "open",
    ended: (alert) => ({ ...alert, state: "deleted" }),
  });

/** Reads the open alerts and those that have just ended, or those that have changed lately. */
export const createReadAlerts =
  ({ ask }: { ask: Ask }) =>
  async (which: "all" | "recent"): Promise<Owned<AlertState>[]> => {
    const rows = await ask<AlertFields>(
      statement(EVERYTHING, ({ visible }) => {
        const changed = (seconds: number) => `changed_at > now() - interval '${seconds} s'`;
        const condition =
          which === "all" ? `(state = 'open' OR ${changed(ENDED_S)})` : changed(OVERLAP_S);
        return `SELECT ${ALERT_FIELDS} FROM node_alerts WHERE ${condition} AND ${visible("tenant", "node_id")}
                ORDER BY node_alerts.opened_at DESC LIMIT ${MAX_LIVE_ALERTS}`;
      }),
    );
    return rows.map((alert) => ({
      tenant: alert.tenant,
      node: alert.node_id,
      state: linked(alert),
    }));
  };
