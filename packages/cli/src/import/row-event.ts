import { parseKeepingNumbers } from "@fiberstream/event-rules/exact-numbers";
import { EVENT_LIMITS } from "@fiberstream/event-rules/event-limits";
import type { Fault } from "@fiberstream/event-rules/fault";
import { textRule } from "@fiberstream/event-rules/text-rule";
import { microsOfTimestamp } from "@fiberstream/event-rules/timestamp";
import { createEventValidator } from "@fiberstream/event-rules/validate-event";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { type SentForm, sentFields, sentFormOf } from "@fiberstream/schemas/probe-fields";

/** Returns the event of a row, or what is wrong with it (then at least one fault). */
export type ReadEvent = (values: Readonly<Record<string, unknown>>) => ProbeMetric | Fault[];

export type EventReader = {
  readonly read: ReadEvent;
  /** Names of the file's columns that are not used, in the order in which they were found; at most 100. */
  readonly ignored: ReadonlySet<string>;
};

/** As the gateway's default: a probe's clock may be ahead by so much. */
const MAX_AHEAD_MS = 5 * 60_000;
const MAX_IGNORED = 100;

/**
 * Checks rows by the rules of the gateway. A row has what a probe sends, by the names of `docs/http.md`, or what
 * `fiber export` has written: then the time may be called `time`, fields without a column are in `extra`, and there are
 * also tenant, source_region, received_at and event_id. Columns of enrichment are ignored.
 *
 * @param options.hasTextValues the format has no numbers or objects (CSV), or has objects as text (Parquet)
 * @param options.tenant of rows that name none
 * @param options.nowMs the time that events may not be far ahead of
 */
export function createEventReader(options: {
  schema: RecordSchema;
  tenant: string;
  hasTextValues: boolean;
  nowMs: number;
}): EventReader {
  const { schema, tenant, hasTextValues, nowMs } = options;
  const sent = sentFields(schema).map((field) => ({ name: field.name, form: sentFormOf(field) }));
  const known = new Set([...schema.fields.map(({ name }) => name), "time", "extra"]);
  const { validate } = createEventValidator({
    schema,
    // The time of an event from years ago is not a fault; before 1970 there were no probes.
    maxAgeMs: nowMs,
    maxAheadMs: MAX_AHEAD_MS,
    metadataMaxBytes: EVENT_LIMITS.eventBytes,
    clock: "the clock here",
  });
  const regionField = schema.fields.find(({ name }) => name === "source_region");
  const checkRegion = regionField === undefined ? undefined : textRule(regionField);
  const ignored = new Set<string>();

  const inputOf = (values: Readonly<Record<string, unknown>>) => {
    const extra = objectIn(values["extra"]);
    const input: Record<string, unknown> = {};
    for (const { name, form } of sent) {
      const named = name === "timestamp" ? (values["timestamp"] ?? values["time"]) : values[name];
      const value = named ?? extra[name];
      if (value === null || value === undefined) continue;
      input[name] = hasTextValues ? valueOf(value, form) : value;
    }
    return input;
  };

  const read: ReadEvent = (values) => {
    for (const name in values) {
      if (!known.has(name) && ignored.size < MAX_IGNORED) ignored.add(name);
    }
    const faults: Fault[] = [];
    const receivedAt = receivedAtOf(values["received_at"], { faults, nowMs });
    const region = values["source_region"] ?? null;
    const sourceRegion = region === null ? null : (checkRegion?.(region, faults) ?? null);
    const origin = {
      tenant: tenantOf(values["tenant"], tenant, faults),
      sourceRegion,
      receivedAtMicros: receivedAt ?? nowMs * 1_000,
    };
    const event = validate(inputOf(values), origin);
    if (Array.isArray(event)) return [...faults, ...event];
    // When it was received is not known, and now would not be true.
    if (receivedAt === undefined) event.received_at = event.timestamp;
    const id = values["event_id"];
    if (typeof id === "string" && id.toLowerCase() !== event.event_id) faults.push(otherId(event));
    return faults.length > 0 ? faults : event;
  };
  return { read, ignored };
}

/** The database's rule, see `fiber keys create`. */
const TENANT = /^[A-Za-z0-9._-]{1,63}$/;

function tenantOf(value: unknown, byDefault: string, faults: Fault[]): string {
  if (value === undefined || value === null) return byDefault;
  if (typeof value === "string" && TENANT.test(value)) return value;
  const message = "tenant must be 1 to 63 letters, digits, dots, dashes and underscores";
  faults.push({ code: "BAD_FORMAT", field: "tenant", message });
  return byDefault;
}

function receivedAtOf(
  value: unknown,
  { faults, nowMs }: { faults: Fault[]; nowMs: number },
): number | undefined {
  if (value === undefined || value === null) return undefined;
  const micros = typeof value === "string" ? microsOfTimestamp(value) : undefined;
  if (micros === undefined) {
    const message = "received_at must be ISO 8601 with seconds and with Z or an offset";
    faults.push({ code: "BAD_FORMAT", field: "received_at", message });
  } else if (micros / 1_000 > nowMs + MAX_AHEAD_MS) {
    // A node with such an event would be the newest for ever, and never become silent.
    const message = "received_at must not be in the future";
    faults.push({ code: "IN_THE_FUTURE", field: "received_at", message });
    return undefined;
  }
  return micros;
}

const otherId = ({ event_id }: ProbeMetric): Fault => ({
  code: "BAD_FORMAT",
  field: "event_id",
  message: `event_id is not that of tenant, node_id, timestamp, probe_type and target_host, which is ${event_id}: correct it, or leave the column out`,
});

const TEXTS: ReadonlySet<SentForm> = new Set(["text", "symbol", "time"]);

/**
 * Returns what a text stands for: a number or JSON, unless the field is a text itself. A text that stands for nothing
 * stays as it is, and the field's rule says what is wrong with it.
 */
function valueOf(value: unknown, form: SentForm | undefined): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "string" || form === undefined || TEXTS.has(form)) return value;
  try {
    // By itself, too: a text that ends the object and begins another field is no value.
    JSON.parse(value);
    // As an event's metadata, in which numbers are kept as they are written.
    const parsed = parseKeepingNumbers(`{"metadata":${value}}`) as { metadata: unknown };
    return parsed.metadata;
  } catch {
    return value;
  }
}

/** Returns the object that `extra` of the table is, or its text. */
function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  const found = typeof value === "string" ? valueOf(value, "object") : value;
  return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
}
