import { once } from "node:events";
import type { Writable } from "node:stream";
import { z } from "zod";
import type { Turns } from "../../access/turns.ts";
import type { StreamedAnswer } from "../../answers/answer.ts";
import type { NodeState, NodeStates } from "../../live/node-states.ts";
import type { NodeWatch } from "../../live/watch-nodes.ts";
import type { TenantScope } from "../../questions/statement.ts";
import { nothing } from "../parameters.ts";
import { route } from "../route.ts";

export type Live = {
  readonly states: NodeStates;
  readonly watch: NodeWatch;
  /** Limits how many streams there are. */
  readonly turns: Turns;
  readonly stopping: AbortSignal;
};

/** Proxies close a connection on which nothing comes for a minute. */
const HEARTBEAT_MS = 15_000;
/** After so long the reader connects again, and shows its key again: a revoked one ends then. */
const MAX_AGE_MS = 300_000;
const RETRY_MS = 2_000;

/** `GET /api/v1/stream`: the newest state of nodes, as server-sent events. */
export const streamRoute = ({ states, watch, turns, stopping }: Live) =>
  route({
    method: "GET",
    path: "/api/v1/stream",
    operationId: "stream",
    summary: "Streams the newest state of each node as server-sent events",
    description:
      "First the event snapshot with all nodes in columns, as of nodes/latest, then events nodes with those that have changed. A reader that was away for a while sends Last-Event-ID, as browsers do, and gets each node that has changed since; a slow reader gets each node's newest state only. The stream ends after 5 minutes, and browsers connect again.",
    right: "read",
    cost: 10,
    isStreamed: true,
    schemas: {
      path: nothing,
      query: nothing,
      headers: z.object({ "last-event-id": z.string().max(100).optional() }),
    },
    success: {
      status: 200,
      contentTypes: ["text/event-stream"],
      name: "Stream",
      schema: z.string(),
    },
    codes: [],
    answer: async ({ headers }, { id, scope }): Promise<StreamedAnswer> => {
      const end = await turns.take(id);
      try {
        const leave = await watch.look();
        return {
          status: 200,
          contentType: "text/event-stream",
          stream: (out) =>
            sendStates(out, { states, scope, stopping, since: headers["last-event-id"] }).finally(
              () => {
                leave();
                end();
              },
            ),
        };
      } catch (error) {
        end();
        throw error;
      }
    },
  });

/** Sends what has changed whenever `out` can take it. What changes while it cannot is sent afterwards, each node once. */
async function sendStates(
  out: Writable,
  options: {
    states: NodeStates;
    scope: TenantScope;
    stopping: AbortSignal;
    since: string | undefined;
  },
): Promise<void> {
  const { states, scope, stopping, since } = options;
  const closed = new AbortController();
  out.once("close", () => closed.abort());
  // The asker may have left while the states were read: there is no further event then.
  if (out.destroyed) closed.abort();
  const until = AbortSignal.any([closed.signal, stopping, AbortSignal.timeout(MAX_AGE_MS)]);
  const write = async (text: string) => {
    if (!out.write(text)) await once(out, "drain", { signal: until });
  };
  let changed = Promise.withResolvers<void>();
  const wake = () => changed.resolve();
  const remove = states.onChange(wake);
  let isHeartbeatDue = false;
  const heartbeat = setInterval(() => {
    isHeartbeatDue = true;
    wake();
  }, HEARTBEAT_MS);
  until.addEventListener("abort", wake, { once: true });
  try {
    const missed = since === undefined ? undefined : states.changedSince(since, scope);
    let position = states.position();
    await write(
      `retry: ${RETRY_MS}\n` +
        (missed === undefined
          ? eventOf("snapshot", position, states.all(scope))
          : eventOf("nodes", position, missed)),
    );
    while (!until.aborted) {
      await changed.promise;
      if (until.aborted) break;
      changed = Promise.withResolvers<void>();
      const news = states.changedSince(position, scope) ?? [];
      position = states.position();
      // A change of a node of another tenant is no reason to write.
      if (news.length > 0) await write(eventOf("nodes", position, news));
      else if (isHeartbeatDue) await write(": still here\n\n");
      else continue;
      isHeartbeatDue = false;
    }
  } catch (error) {
    if (!until.aborted) throw error;
  } finally {
    remove();
    clearInterval(heartbeat);
    out.end();
  }
}

const eventOf = (name: "snapshot" | "nodes", id: string, states: readonly NodeState[]): string =>
  `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(columnsOf(states))}\n\n`;

const COLUMNS = [
  "node_id",
  "status",
  "country",
  "region",
  "lat",
  "lng",
  "time",
  "latency_ms",
  "uptime_pct",
  "packet_loss",
  "anomaly_score",
] as const satisfies readonly (keyof NodeState)[];

const columnsOf = (states: readonly NodeState[]) =>
  Object.fromEntries(COLUMNS.map((name) => [name, states.map((state) => state[name])]));
