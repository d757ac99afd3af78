import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { RecordHeaders } from "@fiberstream/kafka/records";
import { readTraceparent, traceparentOf } from "@fiberstream/runtime/trace-context";
import type { OpenSpan, Tracing } from "@fiberstream/runtime/tracing";
import type { Delivery } from "../produce/produce-batch.ts";
import type { IsSampled } from "./trace-sampler.ts";

/** The spans of a request in its trace. */
export type RequestTrace = {
  /** For log lines; undefined when the trace is not sampled. */
  readonly traceId: string | undefined;
  /** Produces records with the headers that continue the trace. */
  readonly producing: (
    events: number,
    produce: (headers: RecordHeaders | undefined) => Promise<Delivery[]>,
  ) => Promise<Delivery[]>;
  /** @param status of the answer; undefined if the sender has disconnected before it */
  readonly end: (status: number | undefined) => void;
};

/** @param elapsedMs since the request's headers */
export type TraceRequest = (
  request: IncomingMessage,
  route: "push" | "ingest",
  elapsedMs: number,
) => RequestTrace;

/**
 * Continues a request's trace or begins one, once its sender is known: otherwise anybody could use up the traces that a
 * `traceparent` may begin. Only sampled traces are continued: headers on every record would double the
 * cost of a produce call.
 *
 * @param options.tracing undefined: the trace is continued without spans of the gateway
 */
export function createTraceRequest(options: {
  isSampled: IsSampled;
  tracing: Tracing | undefined;
  topic: string;
}): TraceRequest {
  const { isSampled, tracing, topic } = options;
  return (request, route, elapsedMs) => {
    const header = request.headers["traceparent"];
    const given = typeof header === "string" ? readTraceparent(header) : undefined;
    if (!isSampled(given)) return UNSAMPLED;
    if (tracing === undefined) return continued(given ?? newContext());
    const span = tracing.startSpan({
      name: `POST /api/${route}`,
      kind: "server",
      begunMsAgo: elapsedMs,
      ...(given !== undefined && { parent: traceparentOf(given) }),
      attributes: {
        "http.request.method": "POST",
        "http.route": `/api/${route}`,
        "url.path": `/api/${route}`,
        "url.scheme": "encrypted" in request.socket ? "https" : "http",
      },
    });
    return recorded(span, tracing, topic);
  };
}

export const UNSAMPLED: RequestTrace = {
  traceId: undefined,
  producing: (_, produce) => produce(undefined),
  end: () => undefined,
};

type Context = Pick<OpenSpan, "traceId"> & { readonly spanId: string };

const newContext = (): Context => ({
  traceId: randomBytes(16).toString("hex"),
  spanId: randomBytes(8).toString("hex"),
});

function continued({ traceId, spanId }: Context): RequestTrace {
  const traceparent = traceparentOf({ traceId, spanId, isSampled: true });
  return { ...UNSAMPLED, traceId, producing: (_, produce) => produce({ traceparent }) };
}

function recorded(span: OpenSpan, tracing: Tracing, topic: string): RequestTrace {
  return {
    traceId: span.traceId,
    producing: async (events, produce) => {
      const { traceparent, end } = tracing.startSpan({
        name: `send ${topic}`,
        kind: "producer",
        parent: span.traceparent,
        attributes: {
          "messaging.system": "kafka",
          "messaging.operation.name": "send",
          "messaging.operation.type": "send",
          "messaging.destination.name": topic,
          "messaging.batch.message_count": events,
        },
      });
      const deliveries = await produce({ traceparent });
      end(deliveries.includes("retry") ? { error: "KAFKA_UNAVAILABLE" } : {});
      return deliveries;
    },
    end: (status) => {
      if (status === undefined) span.end({ error: "sender disconnected" });
      else {
        const attributes = { "http.response.status_code": status };
        span.end({ attributes, ...(status >= 500 && { error: String(status) }) });
      }
    },
  };
}
