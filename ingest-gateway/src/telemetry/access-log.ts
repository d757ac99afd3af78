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

/** Collects what the log line of a request has. */
export type AccessEntry = {
  readonly sender: (sender: Pick<Sender, "id" | "tenant">) => void;
  readonly events: (counts: EventCounts) => void;
  /** @param status of the answer; undefined if the sender has disconnected before it */
  readonly end: (
    status: number | undefined,
    durationMs: number,
    traceId: string | undefined,
  ) => void;
};

export type BeginAccessEntry = (request: {
  readonly route: "push" | "ingest";
  readonly requestId: string;
}) => AccessEntry;

/** Writes a line; undefined: there are no lines. */
export type WriteAccessLine = ((fields: object, message: string) => void) | undefined;

/** @returns undefined if the lines would not be logged, so that preparing them costs nothing */
export const accessLineWriter = (log: Log, level: (typeof LEVELS)[number]): WriteAccessLine =>
  level === "off" || !log.isLevelEnabled(level) ? undefined : log[level].bind(log);

/** Logs one line for each request with events: the sender and the result. Never a payload, never a token. */
export function createAccessLog(write: WriteAccessLine): BeginAccessEntry {
  if (write === undefined) return () => NO_ENTRY;
  return ({ route, requestId }) => {
    let from: Pick<Sender, "id" | "tenant"> | undefined;
    let counted: EventCounts | undefined;
    return {
      sender: (sender) => (from = sender),
      events: (counts) => (counted = counts),
      end: (status, durationMs, traceId) => {
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

const NO_ENTRY: AccessEntry = {
  sender: () => undefined,
  events: () => undefined,
  end: () => undefined,
};
