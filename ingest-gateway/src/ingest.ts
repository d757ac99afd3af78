import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { RecordHeaders } from "@fiberstream/kafka/records";
import type { Admitted } from "./admission.ts";
import type { Answer } from "./answer.ts";
import type { Delivery } from "./gather.ts";
import { answerBatch, answerOne } from "./ingest-answers.ts";
import { LIMITS } from "./limits.ts";
import { bodyFormatOf } from "./media-type.ts";
import { parseBatch, parseOne } from "./parse-events.ts";
import { readBody } from "./read-body.ts";
import type { ValidateEvent } from "./validate-event.ts";
import { type CheckedEvents, validateEvents } from "./validate-events.ts";

/** One request with events: a single one ("push") or many ("ingest"). */
export type Call = {
  readonly route: "push" | "ingest";
  readonly request: IncomingMessage;
  /** Tells a sender that waits for a "100 Continue" to go on. */
  readonly askForBody: () => void;
};

/** @throws {Refusal}, or the request's own error when the sender has gone */
export type Ingest = (call: Call) => Promise<Answer>;

export type IngestSteps = {
  readonly admit: () => Admitted;
  readonly sourceRegionOf: (request: IncomingMessage) => string | null;
  readonly traceHeadersOf: (request: IncomingMessage) => RecordHeaders | undefined;
  readonly validate: ValidateEvent;
  readonly count: (checked: CheckedEvents, deliveries: readonly Delivery[]) => void;
};

/** The life of a request's events: let in, read, parse, validate, produce, answer. */
export function createIngest(steps: IngestSteps): Ingest {
  const { admit, sourceRegionOf, traceHeadersOf, validate, count } = steps;
  return async ({ route, request, askForBody }) => {
    const { lease, produce } = admit();
    try {
      const format = bodyFormatOf(request, route);
      const sourceRegion = sourceRegionOf(request);
      const limitBytes = route === "push" ? LIMITS.eventBytes : LIMITS.batchBytes;
      const body = await readBody(request, { limitBytes, lease, askForBody });
      const receivedAtMicros = Date.now() * 1_000;

      const parsed = route === "push" ? parseOne(body) : parseBatch(body, format);
      const origin = { tenant: TENANT, sourceRegion, receivedAtMicros, nodeId: parsed.nodeId };
      const checked = validateEvents(parsed, origin, validate);
      const deliveries = await produce(checked.events, traceHeadersOf(request));
      count(checked, deliveries);

      if (route === "push") return answerOne(checked, deliveries);
      return answerBatch(checked, deliveries, { batchId: randomUUID(), sourceRegion });
    } finally {
      lease.release();
    }
  };
}

/** Whose events they are, while every sender is one and the same. */
const TENANT = "default";
