import { type Actor, type AuditEntry, recordAttempt } from "@fiberstream/postgres/acting";
import type { PgPool } from "@fiberstream/postgres/pool";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import { senderAt } from "./sign-in/address.ts";

/** Logs a try that was denied or has failed, without making its request wait. */
export type RecordAttempt = (actor: Actor, entry: AuditEntry) => void;

/** The first of an actor is an entry at once; those of the minute after it are one entry, with their count. */
const WINDOW_MS = 60_000;
/**
 * So many windows are open at once, and each has at most two entries. More are counted together, so that a flood cannot fill the log.
 * Those of nobody have a share of their own: whoever sends from everywhere cannot hide what somebody inside tries.
 */
const MAX_WINDOWS = { known: 100, anonymous: 5 };

type Share = keyof typeof MAX_WINDOWS;
type Window = {
  readonly actor: Actor;
  readonly entry: AuditEntry;
  /** Undefined: of the tries that are counted together. */
  readonly share: Share | undefined;
  repeats: number;
};

/**
 * @param options.countFailure counts entries that could not be appended: the database is unavailable
 */
export function createRecordAttempt(options: {
  pool: PgPool;
  countFailure: () => void;
  life: Life;
  log: Log;
}): RecordAttempt {
  const { pool, countFailure, life, log } = options;
  const windows = new Map<string, Window>();
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: messageOf(error), times }, "denied or failed try is not in the audit log"),
  );

  const appending = new Set<Promise<unknown>>();
  const append = (actor: Actor, entry: AuditEntry) => {
    const appended = recordAttempt(pool, actor, entry)
      .catch((error: unknown) => {
        countFailure();
        warn(error);
      })
      .finally(() => appending.delete(appended));
    appending.add(appended);
  };

  const close = (name: string) => {
    const window = windows.get(name);
    windows.delete(name);
    if (window === undefined || window.repeats === 0) return;
    const { actor, entry, repeats } = window;
    append(actor, {
      ...entry,
      after: { ...entry.after, repeats, within_seconds: WINDOW_MS / 1_000 },
    });
  };

  const timers = new Set<NodeJS.Timeout>();
  life.own(timers, async (owned) => {
    for (const timer of owned) clearTimeout(timer);
    for (const name of windows.keys()) close(name);
    await Promise.all(appending);
  });

  const open = (name: string, window: Window) => {
    windows.set(name, window);
    const timer = setTimeout(() => {
      timers.delete(timer);
      close(name);
    }, WINDOW_MS);
    timers.add(timer);
  };

  const openOf = (share: Share) =>
    [...windows.values()].reduce((count, window) => count + (window.share === share ? 1 : 0), 0);

  return (actor, entry) => {
    const share = actor.kind === "anonymous" ? "anonymous" : "known";
    const from = share === "anonymous" ? senderAt(actor.address ?? "") : actor.address;
    const name = JSON.stringify([share, actor.kind, actor.id, from, entry.action, entry.object]);
    const known = windows.get(name);
    if (known !== undefined) {
      known.repeats++;
      return;
    }
    if (openOf(share) < MAX_WINDOWS[share]) {
      append(actor, entry);
      open(name, { actor, entry, repeats: 0, share });
      return;
    }
    const others = windows.get(OTHERS[share]);
    if (others !== undefined) others.repeats++;
    else {
      open(OTHERS[share], {
        actor: { kind: "service", id: "console" },
        entry: {
          action: "console.tries_not_logged_one_by_one",
          objectKind: "console",
          object: "*",
          outcome: entry.outcome,
          reason: `more than ${MAX_WINDOWS[share]} kinds of ${share === "anonymous" ? "anonymous " : ""}denied or failed tries within ${WINDOW_MS / 1_000} s`,
        },
        repeats: 1,
        share: undefined,
      });
    }
  };
}

const OTHERS = { known: "others", anonymous: "anonymous others" };
