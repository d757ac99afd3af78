import type { Fault } from "./codes.ts";
import { parseKeepingNumbers } from "./exact-numbers.ts";
import { LIMITS } from "./limits.ts";
import type { BodyFormat } from "./media-type.ts";
import { parseJson, textOf, whereMalformed } from "./parse-json.ts";
import { Refusal } from "./refusal.ts";

/** The events of a body as they came, not yet checked. */
export type ParsedEvents = {
  readonly inputs: readonly unknown[];
  /** The batch's node_id, for events that have none of their own. */
  readonly nodeId?: unknown;
  /** By index: lines that are not JSON. One bad line does not cost its batch. */
  readonly malformed?: ReadonlyMap<number, Fault>;
};

/** A body that is one event. @throws {Refusal} MALFORMED_JSON, BAD_ENCODING */
export const parseOne = (body: Buffer): ParsedEvents => ({ inputs: [parseJson(textOf(body))] });

/**
 * A body of many events: `{"node_id"?, "metrics": […]}`, a JSON array, or a line for each.
 * @throws {Refusal} MALFORMED_JSON, MALFORMED_BATCH, BAD_ENCODING, PAYLOAD_TOO_LARGE
 */
export function parseBatch(body: Buffer, format: BodyFormat): ParsedEvents {
  const text = textOf(body);
  const parsed = format === "ndjson" ? parseLines(text) : parseDocument(text);
  const count = parsed.inputs.length;
  if (count === 0) {
    throw new Refusal("MALFORMED_BATCH", "the batch has no events: leave out empty batches");
  }
  if (count > LIMITS.batchEvents) throw tooMany();
  return parsed;
}

function parseDocument(text: string): ParsedEvents {
  const document = parseJson(text);
  if (Array.isArray(document)) return { inputs: document };
  if (typeof document === "object" && document !== null && "metrics" in document) {
    const { metrics } = document;
    const nodeId = "node_id" in document ? document.node_id : undefined;
    if (Array.isArray(metrics)) return { inputs: metrics, nodeId };
  }
  throw new Refusal(
    "MALFORMED_BATCH",
    'the body must be {"metrics": [events]} or an array of events; a single event goes to /api/push',
  );
}

function parseLines(text: string): ParsedEvents {
  const inputs: unknown[] = [];
  const malformed = new Map<number, Fault>();
  let lineNumber = 0;
  for (let from = 0; from < text.length;) {
    const newline = text.indexOf("\n", from);
    const to = newline === -1 ? text.length : newline;
    const line = text.slice(from, to);
    from = to + 1;
    lineNumber++;
    if (line.trim() === "") continue;
    if (inputs.length > LIMITS.batchEvents) throw tooMany();
    try {
      inputs.push(parseKeepingNumbers(line));
    } catch {
      const message = `line ${lineNumber} must be JSON, ${whereMalformed(line)}`;
      malformed.set(inputs.length, { code: "MALFORMED_JSON", message });
      inputs.push(undefined);
    }
  }
  return { inputs, malformed };
}

const tooMany = (): Refusal =>
  new Refusal(
    "PAYLOAD_TOO_LARGE",
    `a batch must have at most ${LIMITS.batchEvents} events: send it in parts`,
  );
