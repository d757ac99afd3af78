import type { IncomingMessage } from "node:http";
import type { EventValidator } from "@fiberstream/event-rules/validate-event";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { Admit } from "./admission/admission.ts";
import type { BoundNodes } from "./admission/bound-nodes.ts";
import type { InFlightBudget } from "./admission/in-flight-budget.ts";
import type { RateLimiter, Charge } from "./admission/rate-limits.ts";
import type { TakeTurns } from "./admission/take-turns.ts";
import { withHeaders } from "./answers/answer.ts";
import { meaningOf } from "./answers/codes.ts";
import { LIMITS } from "./answers/limits.ts";
import { Refusal } from "./answers/refusal.ts";
import type { Authenticate } from "./auth/authenticate.ts";
import type { Sender } from "./auth/sender.ts";
import type { CheckSignature } from "./auth/signature.ts";
import type { StallWatch } from "./connections/stall-watch.ts";
import type { Call, Ingest } from "./http/call.ts";
import type { AcknowledgedEvents } from "./idempotency/acknowledged-events.ts";
import type { HandleIdempotently } from "./idempotency/idempotent.ts";
import { answerBatch, answerOne } from "./ingest-answers.ts";
import type { EventProducer } from "./produce/event-producer.ts";
import { parseBatch, parseOne } from "./request/parse-events.ts";
import { readBody, type ReadBodyOptions, SenderGoneError } from "./request/read-body.ts";
import type { ReadHead, RequestHead } from "./request/request-head.ts";
import { type BatchScan, createBatchScan } from "./request/scan-batch.ts";
import { countsOf, type EventCounts } from "./telemetry/event-counts.ts";
import type { RequestTrace } from "./telemetry/trace-request.ts";
import { type CheckedEvents, validateEvents } from "./validation/validate-events.ts";

export type IngestSteps = {
  readonly admit: Admit;
  readonly authenticate: Authenticate;
  readonly rateLimiter: RateLimiter;
  readonly budget: InFlightBudget;
  readonly readHead: ReadHead;
  readonly checkSignature: CheckSignature;
  readonly idempotently: HandleIdempotently;
  readonly validator: EventValidator;
  readonly boundNodes: BoundNodes;
  readonly stalls: Pick<StallWatch, "isStillThere">;
  readonly takeTurns: TakeTurns;
  /** The average rate below which a body is refused. */
  readonly minBytesPerSecond: number;
  readonly count: (checked: CheckedEvents, counts: EventCounts, sender: Sender) => void;
};

type IngestWork = {
  readonly call: Call;
  readonly head: RequestHead;
  readonly body: Buffer;
  /** The scan of a batch; undefined for a single event. */
  readonly scan: BatchScan | undefined;
  readonly sender: Sender;
  readonly charge: Charge;
  readonly acknowledged: AcknowledgedEvents;
  readonly trace: RequestTrace;
  readonly produce: EventProducer["produce"];
};

/** The story of a request's events: admit, authenticate, read, parse, validate, produce, answer. */
export function createIngest(steps: IngestSteps): Ingest {
  const { admit, authenticate, rateLimiter, budget, readHead, idempotently } = steps;
  const { validator, boundNodes, takeTurns, minBytesPerSecond } = steps;

  /** Returns nothing that references the events, so that they can be collected while Kafka acknowledges them. */
  const produceEvents = async (work: IngestWork) => {
    const { call, head, sender, charge, body, scan, acknowledged, trace, produce } = work;
    const { mark } = call;
    const parsed = scan === undefined ? parseOne(body) : parseBatch(body, scan.found());
    charge.forEvents(parsed.count - acknowledged.count());
    const origin = { ...head, ...sender, receivedAtMicros: wallNowMs() * 1_000 };
    const options = { validator, acknowledged, takeTurns };
    const validated = await validateEvents(parsed, origin, options);
    const { events, checked } = await boundNodes(validated, sender);
    mark("check");
    const delivering = trace.producing(events.length, (headers) => produce(events, headers));
    return { checked, delivering };
  };

  return async (call) => {
    const { route, request, mark, entry } = call;
    const produce = admit();
    const sender = await authenticate(request);
    entry.sender(sender);
    const trace = call.beginTrace();
    const limitBytes = route === "push" ? LIMITS.eventBytes : LIMITS.batchBytes;
    const charge = rateLimiter.charge(sender, declaredBytesOf(request, limitBytes));
    mark("auth");
    const lease = budget.lease(sender.id, sender.tenant);
    let rejected = 0;
    try {
      const head = readHead(request, route);
      const scan = route === "push" ? undefined : createBatchScan(head.format);
      const bodyOptions = { limitBytes, minBytesPerSecond, lease, scan };
      const body = await readCharged(call, bodyOptions, charge);
      await steps.checkSignature(request, sender, body);
      mark("body");
      const isStillThere = await steps.stalls.isStillThere(request.socket);
      if (!isStillThere) throw new SenderGoneError("the sender has disconnected");

      const answer = await idempotently({ ...head, route, sender, body }, async (acknowledged) => {
        const work = { call, head, sender, charge, body, scan, acknowledged, trace, produce };
        const { checked, delivering } = await produceEvents(work);
        const deliveries = await delivering;
        const counts = countsOf(checked, deliveries);
        charge.refund(counts.retry);
        rejected = counts.rejected;
        steps.count(checked, counts, sender);
        entry.events(counts);
        mark("kafka");
        const answerFor = route === "push" ? answerOne : answerBatch;
        return answerFor(checked, { deliveries, acknowledged, ...head });
      });
      return withHeaders(answer, rateLimiter.headersFor(sender));
    } catch (error) {
      // Events that were checked and rejected stay charged, whatever the result of the others.
      if (isOurFault(error, request) && rejected === 0) charge.cancel();
      throw error;
    } finally {
      call.passOn(lease);
    }
  };
}

/** Returns the declared size, but at most what would be read of it; a chunked body is charged as it arrives. */
function declaredBytesOf({ headers }: IncomingMessage, limitBytes: number): number {
  return Math.min(Number(headers["content-length"] ?? 0), limitBytes);
}

/** Reads the body and charges for it as it arrives, also for one that ends early, is too large or cannot be decompressed. */
async function readCharged(
  { request, askForBody }: Call,
  options: Omit<ReadBodyOptions, "askForBody" | "onArrival">,
  charge: Charge,
): Promise<Buffer> {
  let arrived: readonly [bytes: number, streams: number] = [0, 0];
  const onArrival: ReadBodyOptions["onArrival"] = (...current) => {
    arrived = current;
    charge.forArrival(...current);
  };
  try {
    return await readBody(request, { ...options, askForBody, onArrival });
  } finally {
    charge.forBody(...arrived);
  }
}

/** Whether the gateway is the reason that the sender has to retry, so that it must not be charged twice. */
const isOurFault = (error: unknown, { errored }: IncomingMessage): boolean =>
  error instanceof Refusal
    ? meaningOf(error.code).status >= 500
    : !(error instanceof SenderGoneError) && errored === null;
