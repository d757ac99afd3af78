import type { IncomingMessage } from "node:http";
import type { Lease } from "../admission/in-flight-budget.ts";
import type { Answer } from "../answers/answer.ts";
import type { Code } from "../answers/codes.ts";
import type { AccessEntry } from "../telemetry/access-log.ts";
import type { Mark } from "../telemetry/server-timing.ts";
import type { RequestTrace } from "../telemetry/trace-request.ts";

export type EventRoute = "push" | "ingest";
/** As metrics name it. */
export type Route = EventRoute | "status" | "other";

/** A request with one event ("push") or many ("ingest"). */
export type Call = {
  readonly route: EventRoute;
  readonly request: IncomingMessage;
  /** Sends "100 Continue" to a sender that waits for it. */
  readonly askForBody: () => void;
  /** Records the end of a step, for senders that ask for Server-Timing. */
  readonly mark: Mark;
  /** Records the sender and the counts of events, for the access log. */
  readonly entry: Pick<AccessEntry, "sender" | "events">;
  /** Begins to trace the request. Called once its sender is known. */
  readonly beginTrace: () => RequestTrace;
  /** Passes the request's lease on to its answer: the callee has to release it. */
  readonly passOn: (lease: Lease) => void;
};

/** @throws {Refusal}, or, if the sender has disconnected, {SenderGoneError} or the request's own error */
export type Ingest = (call: Call) => Promise<Answer>;

export type RequestMetrics = {
  readonly observeRequest: (route: Route, status: number, seconds: number) => void;
  readonly countRefusal: (code: Code) => void;
};
