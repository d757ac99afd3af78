import { once } from "node:events";
import type { Writable } from "node:stream";
import type { AnswerMemory } from "../../answers/answer-memory.ts";
import type { LiveParts, Part } from "../../live/live.ts";
import type { TenantScope } from "../../access/scope.ts";
import { type Event, renderAll, renderChanges } from "./render-events.ts";

/** Proxies close a connection on which nothing comes for a minute. */
const HEARTBEAT_MS = 15_000;
/** After so long the reader connects again, and shows its key again: a revoked one ends then. */
const MAX_AGE_MS = 300_000;
const RETRY_MS = 2_000;

/** Sends what has changed whenever `out` can take it. What changes while it cannot is sent afterwards, each state once. */
export async function sendStates(
  out: Writable,
  options: {
    parts: LiveParts;
    include: readonly Part[];
    /** Of each part that is included. */
    scopes: Readonly<Record<Part, TenantScope>>;
    stopping: AbortSignal;
    /** Counts what the reader has not taken yet. */
    hold: () => ReturnType<AnswerMemory["hold"]>;
    /** The position that the reader has; undefined: none. */
    since: string | undefined;
  },
): Promise<void> {
  const { parts, include, scopes, stopping, hold, since } = options;
  const { positions, states } = parts;
  const closed = new AbortController();
  out.once("close", () => closed.abort());
  // The asker may have left while the states were read: there is no further event then.
  if (out.destroyed) closed.abort();
  const until = AbortSignal.any([closed.signal, stopping, AbortSignal.timeout(MAX_AGE_MS)]);
  const write = async (text: string) => {
    const unread = hold();
    try {
      unread.grow(text.length);
      if (!out.write(text)) await once(out, "drain", { signal: until });
    } finally {
      unread.release();
    }
  };
  let changed = Promise.withResolvers<void>();
  const wake = () => changed.resolve();
  const remove = positions.onChange(wake);
  let isHeartbeatDue = false;
  const heartbeat = setInterval(() => {
    isHeartbeatDue = true;
    wake();
  }, HEARTBEAT_MS);
  until.addEventListener("abort", wake, { once: true });

  /** Returns the events since a position; with all there is of a part whose changes since then are not known. */
  const eventsSince = (position: string | undefined) =>
    include.flatMap((part) => {
      const events =
        position === undefined ? undefined : renderChanges(part, states, position, scopes[part]);
      return events ?? renderAll(part, states, scopes[part]);
    });

  try {
    let position = positions.now();
    const first = eventsSince(since);
    // A reader that has missed nothing has to know its position, too.
    await write(`retry: ${RETRY_MS}\n${joined(first, position) || `id: ${position}\n\n`}`);
    while (!until.aborted) {
      await changed.promise;
      if (until.aborted) break;
      changed = Promise.withResolvers<void>();
      const events = eventsSince(position);
      position = positions.now();
      // A change of another tenant is no reason to write.
      if (events.length > 0) await write(joined(events, position));
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

/** The position is that of the last event only: a reader that gets some of them gets all of them again. */
const joined = (events: readonly Event[], position: string): string =>
  events
    .map(({ name, data }, at) => {
      const id = at === events.length - 1 ? `id: ${position}\n` : "";
      return `event: ${name}\n${id}data: ${JSON.stringify(data)}\n\n`;
    })
    .join("");
