import type { Fault } from "@fiberstream/event-rules/fault";
import { LIMITS } from "../answers/limits.ts";
import { Refusal } from "../answers/refusal.ts";
import {
  parseKeepingNumbers,
  parseListKeepingNumbers,
} from "@fiberstream/event-rules/exact-numbers";
import {
  checkUtf8,
  faultIn,
  malformedBody,
  parseJson,
  textOf,
  textStart,
  whereMalformed,
} from "./parse-json.ts";
import {
  type FoundEvents,
  type List,
  type Span,
  tooManyEvents,
  tooMuchBeside,
} from "./scan-batch.ts";

/** The events of a body, not yet validated. They are parsed a few at a time, when they are used. */
export type ParsedEvents = {
  readonly count: number;
  /** The batch's node_id, for events without one. */
  readonly nodeId?: unknown;
  /**
   * Returns an event, or adds the faults of its text to `faults`.
   * @throws {Refusal} MALFORMED_JSON if such a fault makes the whole body invalid
   */
  readonly inputAt: (index: number, faults: Fault[]) => unknown;
};

/**
 * Parses a body with one event.
 * @throws {Refusal} MALFORMED_JSON, BAD_ENCODING
 */
export function parseOne(body: Buffer): ParsedEvents {
  const input = parseJson(textOf(body));
  return { count: 1, inputAt: () => input };
}

/**
 * Parses a body with many events: `{"node_id"?, "metrics": […]}`, a JSON array, or one event on each line.
 *
 * @param found what the scan of this body has found
 * @throws {Refusal} MALFORMED_JSON, MALFORMED_BATCH, BAD_ENCODING, PAYLOAD_TOO_LARGE
 */
export function parseBatch(body: Buffer, found: FoundEvents): ParsedEvents {
  checkUtf8(body);
  const parsed = found.format === "ndjson" ? parseLines(body, found) : parseDocument(body, found);
  if (parsed.count === 0) {
    throw new Refusal("MALFORMED_BATCH", "the batch has no events: leave out empty batches");
  }
  return parsed;
}

type Found<Format> = Extract<FoundEvents, { format: Format }>;

function parseDocument(body: Buffer, found: Found<"json">): ParsedEvents {
  const { lists, isCutOff } = found;
  if (isCutOff) throw malformedBody(whereCutOff(body, lists.at(-1)?.elements.at(-1)));
  const filled = lists.filter((list) => !isEmpty(body, list));
  // One of them is the batch.
  if (filled.length > LIMITS.besideEventsLists + 1) throw tooManyLists();
  const document = parseOutline(body, filled);
  const isObject = typeof document === "object" && document !== null;
  const list = Array.isArray(document)
    ? document
    : isObject && "metrics" in document
      ? document.metrics
      : undefined;
  if (!Array.isArray(list)) {
    throw new Refusal(
      "MALFORMED_BATCH",
      'the body must be {"metrics": [events]} or an array of events; a single event goes to /api/push',
    );
  }
  const batch = filled[Number(list[0])];
  checkOthers(
    body,
    filled.filter((other) => other !== batch),
  );
  const elements = batch?.elements ?? [];
  const elementInRun = parserOfRuns(body, elements, found);
  return {
    count: elements.length,
    nodeId: isObject && "node_id" in document ? document.node_id : undefined,
    inputAt: (index, faults) => {
      const together = elementInRun(index);
      if (together !== undefined) return together;
      const span = elements[index] ?? NOTHING;
      return parseEvent(body, span, faults, (text, from) => {
        const isMissing = text.trim() === "";
        throw malformedBody(
          isMissing
            ? `it is malformed at byte ${span.to}`
            : whereMalformed(text, (byte) => from + byte),
        );
      });
    },
  };
}

/** Maximum size of events that are parsed together: one by one they take twice the time. */
const TOGETHER_BYTES = 32 * 1024;

/**
 * Parses consecutive elements together, as a list.
 *
 * @returns a function that returns an element; undefined if it has to be parsed by itself, because it is too large or
 *   one parsed with it is not JSON
 */
function parserOfRuns(
  body: Buffer,
  elements: readonly Span[],
  { mayBeInexact }: Pick<Found<"json">, "mayBeInexact">,
): (index: number) => unknown {
  const parseList = mayBeInexact ? parseListKeepingNumbers : parseListAsDoubles;
  let first = 0;
  let parsed: readonly unknown[] = [];

  const endOfRun = (index: number): number => {
    const from = elements[index]?.from ?? 0;
    let end = index;
    for (; end < elements.length; end++) {
      const span = elements[end] ?? NOTHING;
      const isTooLarge = span.to - span.from > LIMITS.eventBytes;
      if (isTooLarge || span.to - from > TOGETHER_BYTES) break;
    }
    return end;
  };

  const parseFrom = (index: number) => {
    first = index;
    const end = endOfRun(index);
    const from = elements[index]?.from ?? 0;
    const to = elements[end - 1]?.to ?? from;
    try {
      parsed = parseList(`[${body.toString("utf8", from, to)}]`);
    } catch {
      // They are then parsed one by one.
      parsed = Array.from({ length: end - index }, () => undefined);
    }
  };

  return (index) => {
    if (index < first || index >= first + parsed.length) parseFrom(index);
    return parsed[index - first];
  };
}

const parseListAsDoubles = (text: string) => JSON.parse(text) as readonly unknown[];

/** Parses the document without the elements of its lists: each list contains its number instead. */
function parseOutline(body: Buffer, lists: readonly List[]): unknown {
  const start = textStart(body);
  let text = "";
  let at = start;
  for (const [number, { from, to }] of lists.entries()) {
    text += `${body.toString("utf8", at, from)}${number}`;
    at = to;
  }
  text += body.toString("utf8", at);
  try {
    return JSON.parse(text);
  } catch {
    throw malformedBody(whereMalformed(text, (byte) => offsetInBody(start + byte, lists)));
  }
}

/** @param byteOfOutline offset in the outline, counted from the start of the body */
function offsetInBody(byteOfOutline: number, lists: readonly List[]): number {
  let byte = byteOfOutline;
  for (const [number, { from, to }] of lists.entries()) {
    if (byte < from) break;
    byte += to - from - String(number).length;
  }
  return byte;
}

/** Checks that lists other than the batch are JSON, too. They are small, so each is parsed at once. */
function checkOthers(body: Buffer, others: readonly List[]): void {
  const bytes = others.reduce((sum, { from, to }) => sum + to - from, 0);
  if (bytes > LIMITS.besideEventsBytes) throw tooMuchBeside();
  for (const { from, to } of others) {
    const text = `[${body.toString("utf8", from, to)}]`;
    try {
      JSON.parse(text);
    } catch {
      throw malformedBody(whereMalformed(text, (byte) => from - 1 + byte));
    }
  }
}

/** @param last the element in which the body ends */
function whereCutOff(body: Buffer, last: Span = NOTHING): string {
  const text = body.toString("utf8", last.from, Math.min(last.to, last.from + LIMITS.eventBytes));
  const at = faultIn(text);
  return at === undefined || at >= text.length
    ? `it ends too early, after byte ${body.length}`
    : whereMalformed(text, (byte) => last.from + byte);
}

function parseLines(body: Buffer, found: Found<"ndjson">): ParsedEvents {
  const begin = textStart(body);
  const lines = found.lines
    .map(({ from, to }, at) => ({ from: Math.max(from, begin), to, number: at + 1 }))
    .filter((span) => !isBlank(body, span));
  if (lines.length > LIMITS.batchEvents) throw tooManyEvents();
  return {
    count: lines.length,
    inputAt: (index, faults) => {
      const line = lines[index] ?? { ...NOTHING, number: 0 };
      return parseEvent(body, line, faults, (text) => {
        const message = `line ${line.number} must be JSON, ${whereMalformed(text)}`;
        faults.push({ code: "MALFORMED_JSON", message });
      });
    },
  };
}

function parseEvent(
  body: Buffer,
  span: Span,
  faults: Fault[],
  onMalformed: (text: string, from: number) => void,
): unknown {
  const { from, to } = span.to - span.from > LIMITS.eventBytes ? trimmed(body, span) : span;
  if (to - from > LIMITS.eventBytes) {
    const message = `an event must be at most ${LIMITS.eventBytes} bytes, got ${to - from}`;
    faults.push({ code: "TOO_LONG", message });
    return undefined;
  }
  const text = body.toString("utf8", from, to);
  try {
    return parseKeepingNumbers(text);
  } catch {
    return onMalformed(text, from);
  }
}

/** Returns the span without white space around it. */
function trimmed(body: Buffer, span: Span): Span {
  let { from, to } = span;
  while (from < to && isSpace(body[from])) from++;
  while (to > from && isSpace(body[to - 1])) to--;
  return { from, to };
}

/** The scan finds one blank element in an empty list. */
const isEmpty = (body: Buffer, { elements }: List): boolean =>
  elements.length === 1 && elements.every((span) => isBlank(body, span));

function isBlank(body: Buffer, span: Span): boolean {
  let { from } = span;
  while (from < span.to && isSpace(body[from])) from++;
  return from === span.to;
}

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const tooManyLists = (): Refusal =>
  new Refusal(
    "MALFORMED_BATCH",
    `a batch must have at most ${LIMITS.besideEventsLists} lists besides its events: send fewer other fields`,
  );

const NOTHING: Span = { from: 0, to: 0 };
