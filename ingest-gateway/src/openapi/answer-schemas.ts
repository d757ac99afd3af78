import { FAULT_CODES } from "@fiberstream/event-rules/fault";
import { problemSchema } from "@fiberstream/http/openapi-problems";
import { CODES } from "../answers/codes.ts";
import type { JsonSchema } from "./event-schema.ts";

const text = { type: "string" };
const count = { type: "integer", minimum: 0 };
const index = { ...count, description: "The event's index in the batch, from 0." };
const faultCode = { enum: [...FAULT_CODES] };
const fault = {
  code: faultCode,
  field: { ...text, description: "The invalid field, if the fault is a field's." },
  message: { ...text, description: "What was wrong, what is allowed and what to do." },
};

/** The schemas of all answers, by their name in the document. */
export const ANSWER_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Accepted: {
    type: "object",
    required: ["status", "event_id"],
    properties: { status: { const: "accepted" }, event_id: { ...text, format: "uuid" } },
  },
  BatchAnswer: {
    type: "object",
    required: ["status", "message", "data", "results"],
    properties: {
      status: { const: "accepted" },
      message: text,
      data: {
        type: "object",
        required: ["batch_id", "source_region", "accepted", "rejected", "retry"],
        properties: {
          batch_id: { ...text, format: "uuid" },
          source_region: { type: ["string", "null"] },
          accepted: count,
          rejected: { ...count, description: "Invalid events: do not send them again." },
          retry: { ...count, description: "Events to send again, after Retry-After." },
        },
      },
      results: {
        description: "The events that were not accepted, in the order of their index.",
        type: "array",
        items: {
          type: "object",
          required: ["index", "status", "code"],
          properties: {
            index,
            status: { enum: ["rejected", "retry"] },
            ...fault,
            code: { enum: [...FAULT_CODES, "KAFKA_UNAVAILABLE", "AUTH_UNAVAILABLE"] },
            errors: { type: "array", items: { type: "object", properties: fault } },
          },
        },
      },
    },
  },
  Problem: problemSchema(Object.keys(CODES), {
    type: "object",
    required: ["code"],
    properties: { index, ...fault },
  }),
  Status: {
    type: "object",
    required: ["status", "data"],
    properties: {
      status: { enum: ["ok", "degraded"] },
      data: {
        type: "object",
        required: ["api", "kafka", "registry", "redis", "idempotency"],
        properties: {
          api: { enum: ["ok", "stopping"] },
          ...Object.fromEntries(
            ["kafka", "registry", "redis", "idempotency"].map((dependency) => [
              dependency,
              { enum: ["ok", "unavailable"] },
            ]),
          ),
        },
      },
    },
  },
};
