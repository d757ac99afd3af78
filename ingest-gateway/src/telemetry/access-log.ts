import type { Log } from "@fiberstream/runtime/log";
import { setting } from "@fiberstream/runtime/settings";
import { z } from "zod";
import type { Sender } from "../auth/sender.ts";
import type { EventCounts } from "./event-counts.ts";

const LEVELS = ["off", "debug", "info"] as const;

export const accessLogSettings = () => ({
  accessLogLevel: setting(
    "ACCESS_LOG_LEVEL",
    z.enum(LEVELS).default("off"),
    `level of a log line for each request with events: ${LEVELS.join(", ")}; each line has the request id, key id, tenant, route, status, counts of events and duration`,
  ),
});

/** What is found out about a request on its way to its answer. */
export type AccessEntry = {
  readonly sender: (sender: Pick<Sender, "id" | "tenant">) => void;
  readonly events: (counts: EventCounts) => void;
  /** @param status of the answer; undefined when the sender had gone before there was one */
  readonly end: (status: number | undefined, durationMs: number) => void;
};

export type BeginAccessEntry = (request: {
  readonly route: "push" | "ingest";
  readonly requestId: string;
  readonly traceId: string | undefined;
}) => AccessEntry;

/** Writes a line's fields; undefined: there are no lines. */
export type WriteAccessLine = ((fields: object, message: string) => void) | undefined;

/** @returns undefined where nobody would see the lines, so that nothing is put together for them */
export const accessLineWriter = (log: Log, level: (typeof LEVELS)[number]): WriteAccessLine =>
  level === "off" || !log.isLevelEnabled(level) ? undefined : log[level].bind(log);

/** One line for each request with events: who sent what, and what became of it. Never a payload, never a token. */
export function createAccessLog(write: WriteAccessLine): BeginAccessEntry {
  if (write === undefined) return () => UNHEARD;
  return ({ route, requestId, traceId }) => {
    let from: Pick<Sender, "id" | "tenant"> | undefined;
    let counted: EventCounts | undefined;
    return {
      sender: (sender) => (from = sender),
      events: (counts) => (counted = counts),
      end: (status, durationMs) => {
        const fields = {
          requestId,
          ...(from !== undefined && { keyId: from.id, tenant: from.tenant }),
          route,
          ...(status !== undefined && { status }),
          ...counted,
          durationMs: Math.round(durationMs * 10) / 10,
          ...(traceId !== undefined && { "trace.id": traceId }),
        };
        write(fields, status === undefined ? "sender disconnected" : "request answered");
      },
    };
  };
}

const UNHEARD: AccessEntry = {
  sender: () => undefined,
  events: () => undefined,
  end: () => undefined,
};
