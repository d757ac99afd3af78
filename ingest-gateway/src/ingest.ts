import type { IncomingMessage } from "node:http";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { AccessEntry } from "./access-log.ts";
import type { Admit } from "./admission.ts";
import { type Answer, withHeaders } from "./answer.ts";
import type { Authenticate } from "./auth/authenticate.ts";
import type { CheckSignature } from "./auth/signature.ts";
import type { Sender } from "./auth/sender.ts";
import type { KeptEvents } from "./batches/kept-events.ts";
import type { Once } from "./batches/once.ts";
import { meaningOf } from "./codes.ts";
import { countsOf, type EventCounts } from "./event-counts.ts";
import type { EventProducer } from "./event-producer.ts";
import type { BoundNodes } from "./fairness/bound-nodes.ts";
import type { Buckets, Charge } from "./fairness/buckets.ts";
import type { InFlightBudget } from "./in-flight-budget.ts";
import { answerBatch, answerOne } from "./ingest-answers.ts";
import { LIMITS } from "./limits.ts";
import { parseBatch, parseOne } from "./parse-events.ts";
import { readBody, type ReadBodyOptions, SenderGoneError } from "./read-body.ts";
import { Refusal } from "./refusal.ts";
import type { ReadHead, RequestHead } from "./request-head.ts";
import { type BatchScan, createBatchScan } from "./scan-batch.ts";
import type { Mark } from "./server-timing.ts";
import type { StallWatch } from "./stall-watch.ts";
import type { TakeTurns } from "./take-turns.ts";
import type { RequestTrace } from "./trace.ts";
import type { ValidateEvent } from "./validate-event.ts";
import { type CheckedEvents, validateEvents } from "./validate-events.ts";

/** One request with events: a single one ("push") or many ("ingest"). */
export type Call = {
  readonly route: "push" | "ingest";
  readonly request: IncomingMessage;
  /** Tells a sender that waits for a "100 Continue" to go on. */
  readonly askForBody: () => void;
  /** Told of each step that is done, for senders that ask where the time went. */
  readonly mark: Mark;
  /** Told who sends and what became of the events. */
  readonly entry: Pick<AccessEntry, "sender" | "events">;
  readonly trace: RequestTrace;
};

/** @throws {Refusal}, or when the sender has gone {SenderGoneError} or the request's own error */
export type Ingest = (call: Call) => Promise<Answer>;

export type IngestSteps = {
  readonly admit: Admit;
  readonly authenticate: Authenticate;
  readonly buckets: Buckets;
  readonly budget: InFlightBudget;
  readonly readHead: ReadHead;
  readonly checkSignature: CheckSignature;
  readonly once: Once;
  readonly validate: ValidateEvent;
  readonly boundNodes: BoundNodes;
  readonly stalls: Pick<StallWatch, "isStillThere">;
  readonly takeTurns: TakeTurns;
  /** That a body has to arrive with. */
  readonly minBytesPerSecond: number;
  readonly count: (checked: CheckedEvents, counts: EventCounts, sender: Sender) => void;
};

type Handing = {
  readonly call: Call;
  readonly head: RequestHead;
  readonly body: Buffer;
  /** Of a batch. */
  readonly scan: BatchScan | undefined;
  readonly sender: Sender;
  readonly charge: Charge;
  readonly kept: KeptEvents;
  readonly produce: EventProducer["produce"];
};

/** The life of a request's events: let in, read, parse, validate, produce, answer. */
export function createIngest(steps: IngestSteps): Ingest {
  const { admit, authenticate, buckets, budget, readHead, once, validate, boundNodes, takeTurns } =
    steps;
  const { minBytesPerSecond } = steps;

  /** Events that wait for Kafka would grow old as garbage: what is returned holds on to none of them. */
  const handOver = async ({ call, head, sender, charge, body, scan, kept, produce }: Handing) => {
    const { mark, trace } = call;
    const parsed = scan === undefined ? parseOne(body) : parseBatch(body, scan.found());
    charge.forEvents(parsed.count - kept.count());
    const origin = { ...head, ...sender, receivedAtMicros: wallNowMs() * 1_000 };
    const how = { validate, kept, takeTurns };
    const { events, checked } = await boundNodes(await validateEvents(parsed, origin, how), sender);
    mark("check");
    const delivering = trace.producing(events.length, (headers) => produce(events, headers));
    return { checked, delivering };
  };

  return async (call) => {
    const { route, request, mark, entry } = call;
    const produce = admit();
    const sender = await authenticate(request);
    entry.sender(sender);
    const limitBytes = route === "push" ? LIMITS.eventBytes : LIMITS.batchBytes;
    const charge = buckets.admit(sender, declaredBytesOf(request, limitBytes));
    mark("auth");
    const lease = budget.lease(sender.id, sender.tenant);
    try {
      const head = readHead(request, route);
      const scan = route === "push" ? undefined : createBatchScan(head.format);
      const how = { limitBytes, minBytesPerSecond, lease, scan };
      const body = await readCharged(call, how, charge);
      await steps.checkSignature(request, sender, body);
      mark("body");
      const isStillThere = await steps.stalls.isStillThere(request.socket);
      if (!isStillThere) throw new SenderGoneError("the sender has gone");

      const answer = await once({ ...head, route, sender, body }, async (kept) => {
        const handing = { call, head, sender, charge, body, scan, kept, produce };
        const { checked, delivering } = await handOver(handing);
        const deliveries = await delivering;
        const counts = countsOf(checked, deliveries);
        charge.refund(counts.retry);
        steps.count(checked, counts, sender);
        entry.events(counts);
        mark("kafka");
        const answerFor = route === "push" ? answerOne : answerBatch;
        return answerFor(checked, { deliveries, kept, ...head });
      });
      return withHeaders(answer, buckets.headersFor(sender));
    } catch (error) {
      if (isOurFault(error, request)) charge.cancel();
      throw error;
    } finally {
      lease.release();
    }
  };
}

/** No more than would be read of it; what comes in chunks is charged when it is there. */
function declaredBytesOf({ headers }: IncomingMessage, limitBytes: number): number {
  return Math.min(Number(headers["content-length"] ?? 0), limitBytes);
}

/** The body, paid for as it comes; also one that ends too early, is too large or cannot be unpacked, by what came of it. */
async function readCharged(
  { request, askForBody }: Call,
  how: Omit<ReadBodyOptions, "askForBody" | "onArrival">,
  charge: Charge,
): Promise<Buffer> {
  let arrived: readonly [bytes: number, streams: number] = [0, 0];
  const onArrival: ReadBodyOptions["onArrival"] = (...now) => {
    arrived = now;
    charge.forArrival(...now);
  };
  try {
    return await readBody(request, { ...how, askForBody, onArrival });
  } finally {
    charge.forBody(...arrived);
  }
}

/** Whether a sender has to come again with the same for our sake, so that it must not pay twice. */
const isOurFault = (error: unknown, { errored }: IncomingMessage): boolean =>
  error instanceof Refusal
    ? meaningOf(error.code).status >= 500
    : !(error instanceof SenderGoneError) && errored === null;
