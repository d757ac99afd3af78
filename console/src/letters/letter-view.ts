import { type DeadLetter, headerText } from "@fiberstream/kafka/dead-letters";
import { readTraceparent } from "@fiberstream/runtime/trace-context";
import { z } from "zod";
import type { Owner } from "./letter-owners.ts";

const MAX_TEXT = 1_000;
const MAX_HEADERS = 50;
const MAX_VALUE_BYTES = 64 * 1_024;
const MAX_DECODED_CHARACTERS = 256 * 1_024;
/** Headers about the platform itself, which are shown to keys of all tenants only. */
const OF_OPERATORS: ReadonlySet<string> = new Set([
  "__connect.errors.exception.stacktrace",
  "__connect.errors.exception.class.name",
  "__dlq.errors.group",
]);

export const letterSchema = z.object({
  partition: z.number().int().describe("Of the dead-letter topic."),
  offset: z.number().int(),
  failed_at: z.string(),
  service: z.string().describe("The service that could not process the record."),
  stage: z.string(),
  reason: z.string().describe("The class of the failure."),
  message: z.string().describe("What is wrong, without values of the record."),
  origin: z.object({
    topic: z.string(),
    partition: z.number().int(),
    offset: z.number().int().nullable(),
  }),
  key: z.string().nullable().describe("The node."),
  schema_id: z.number().int().nullable(),
  value_bytes: z.number().int().describe("Length of the original value."),
  is_cut: z
    .boolean()
    .describe("The letter has only the beginning of the value: it cannot be redriven."),
  replays: z.number().int().describe("How often it was redriven before it failed again."),
  trace_id: z.string().nullable(),
});
export type LetterView = z.output<typeof letterSchema>;

/** Returns what a list shows of a letter. */
export function viewOf(letter: DeadLetter): LetterView {
  const { record, origin } = letter;
  const traceparent = headerText(record.headers, "traceparent");
  const offset = Number(origin.offset);
  return {
    partition: letter.partition,
    offset: Number(letter.offset),
    failed_at: shortened(letter.failedAt),
    service: shortened(letter.service),
    stage: shortened(letter.stage),
    reason: shortened(letter.failureClass),
    message: shortened(letter.reason),
    origin: {
      topic: shortened(origin.topic),
      partition: whole(origin.partition) ?? -1,
      offset: origin.offset === "" ? null : whole(offset),
    },
    key: record.key === null ? null : shortened(String(record.key)),
    schema_id: letter.schemaId ?? null,
    value_bytes: whole(letter.cutFromBytes ?? record.value?.length ?? 0) ?? 0,
    is_cut: letter.cutFromBytes !== undefined,
    replays: whole(letter.replays) ?? 0,
    trace_id: traceparent === undefined ? null : (readTraceparent(traceparent)?.traceId ?? null),
  };
}

/** A header may have any text where a number should be. */
const whole = (value: number): number | null => (Number.isSafeInteger(value) ? value : null);

const shortened = (text: string): string =>
  text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;

export const wholeLetterSchema = letterSchema.extend({
  tenant: z.string().nullable().describe("null: it cannot be shown whose event it is."),
  headers: z
    .record(z.string(), z.string())
    .describe(
      "As text, each shortened; at most 50, and for keys of one tenant without those of operators.",
    ),
  value: z.object({
    base64: z.string().describe("At most the first 64 kB of what the letter has."),
    text: z
      .string()
      .describe("The same, with a dot for every byte that is not a printable ASCII character."),
    shown_bytes: z.number().int(),
  }),
  decoded: z.unknown().describe("The event by its writer's schema; null if it cannot be decoded."),
  decode_problem: z.string().nullable(),
});

/** Returns all that may be shown of a letter. */
export function wholeViewOf(
  letter: DeadLetter,
  options: {
    owner: Owner | undefined;
    isOperator: boolean;
    value: { decoded: unknown } | { hex: string | null };
  },
): z.output<typeof wholeLetterSchema> {
  const { record } = letter;
  const shown = (record.value ?? Buffer.alloc(0)).subarray(0, MAX_VALUE_BYTES);
  const headers = Object.keys(record.headers ?? {})
    .filter((name) => options.isOperator || !OF_OPERATORS.has(name))
    .slice(0, MAX_HEADERS)
    .map((name) => [shortened(name), shortened(headerText(record.headers, name) ?? "")] as const);
  return {
    ...viewOf(letter),
    tenant: options.owner?.tenant ?? null,
    headers: Object.fromEntries(headers),
    value: {
      base64: shown.toString("base64"),
      text: shown.toString("latin1").replaceAll(/[^\x20-\x7e]/g, "."),
      shown_bytes: shown.length,
    },
    ...decodedOf(options.value),
  };
}

function decodedOf(value: { decoded: unknown } | { hex: string | null }) {
  if (!("decoded" in value)) {
    return {
      decoded: null,
      decode_problem:
        "the value does not match its schema, or the schema registry does not have it",
    };
  }
  if (JSON.stringify(value.decoded).length > MAX_DECODED_CHARACTERS) {
    return { decoded: null, decode_problem: "the decoded event is too long to be shown" };
  }
  return { decoded: value.decoded, decode_problem: null };
}
