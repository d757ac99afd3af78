import type { OutgoingRecord } from "../records.ts";

/** The size of a value of which only the beginning is kept, and the timestamp of a record that lost it. */
export const VALUE_BYTES_HEADER = "fiber.dlq.value-bytes";
export const TIMESTAMP_HEADER = "fiber.dlq.record-timestamp";

/** A sixteenth at a time: what the topic takes is not known, and nothing is left after five tries. */
const CUT_TO = 1 / 16;
const LEAST_VALUE_BYTES = 1_024;
const LEAST_KEY_BYTES = 1_024;

/**
 * A dead letter that Kafka has refused, with less of what made Kafka refuse it. The record itself is still at the topic and
 * offset in the headers, for as long as that topic keeps it.
 *
 * @param type the protocol's name of why it was refused
 * @returns undefined when nothing more can be left out
 */
export function reducedDeadLetter(
  deadLetter: OutgoingRecord,
  type: string,
): OutgoingRecord | undefined {
  if (TOO_LARGE.has(type)) return smaller(deadLetter);
  return type === "INVALID_TIMESTAMP" ? stampedAnew(deadLetter) : undefined;
}

const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Whether Kafka may accept a dead letter that it refused for this reason once it is reduced. */
export const isReducibleRefusal = (type: string | undefined): type is string =>
  type !== undefined && (TOO_LARGE.has(type) || type === "INVALID_TIMESTAMP");

function smaller(deadLetter: OutgoingRecord): OutgoingRecord | undefined {
  const { key, value, headers = {} } = deadLetter;
  if (value !== null && value.length > 0) {
    const kept = value.length > LEAST_VALUE_BYTES ? Math.floor(value.length * CUT_TO) : 0;
    const cut = { [VALUE_BYTES_HEADER]: headers[VALUE_BYTES_HEADER] ?? String(value.length) };
    return { ...deadLetter, value: value.subarray(0, kept), headers: { ...headers, ...cut } };
  }
  const ours = Object.entries(headers).filter(([name]) => isOurs(name));
  const hasOthers = ours.length < Object.keys(headers).length;
  const isKeyLarge = key !== null && key.length > LEAST_KEY_BYTES;
  if (!hasOthers && !isKeyLarge) return undefined;
  return { ...deadLetter, key: isKeyLarge ? null : key, headers: Object.fromEntries(ours) };
}

const isOurs = (name: string) =>
  ["__connect.errors.", "__dlq.errors.", "fiber.dlq."].some((prefix) => name.startsWith(prefix));

function stampedAnew({ timestamp, ...deadLetter }: OutgoingRecord): OutgoingRecord | undefined {
  if (timestamp === undefined) return undefined;
  return { ...deadLetter, headers: { ...deadLetter.headers, [TIMESTAMP_HEADER]: timestamp } };
}
