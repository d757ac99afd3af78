import type { OutgoingRecord } from "../records.ts";

/** The original size of a value that was cut, and the original timestamp of a record without it. */
export const VALUE_BYTES_HEADER = "fiber.dlq.value-bytes";
export const TIMESTAMP_HEADER = "fiber.dlq.record-timestamp";

/** To a sixteenth at each attempt: the topic's limit is not known, and nothing is left after five attempts. */
const CUT_TO = 1 / 16;
const MIN_VALUE_BYTES = 1_024;
const MIN_KEY_BYTES = 1_024;

/**
 * Returns a dead letter that Kafka has rejected without some of what made Kafka reject it. The original record is at the
 * topic and offset in the headers, within that topic's retention.
 *
 * @param type the protocol's name of the reason
 * @returns undefined if nothing more can be left out
 */
export function reducedDeadLetter(
  deadLetter: OutgoingRecord,
  type: string,
): OutgoingRecord | undefined {
  if (TOO_LARGE.has(type)) return smaller(deadLetter);
  return type === "INVALID_TIMESTAMP" ? withoutTimestamp(deadLetter) : undefined;
}

const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Whether Kafka may accept a dead letter that it has rejected for this reason once it is reduced. */
export const isReducibleRefusal = (type: string | undefined): type is string =>
  type !== undefined && (TOO_LARGE.has(type) || type === "INVALID_TIMESTAMP");

function smaller(deadLetter: OutgoingRecord): OutgoingRecord | undefined {
  const { key, value, headers = {} } = deadLetter;
  if (value !== null && value.length > 0) {
    const bytes = value.length > MIN_VALUE_BYTES ? Math.floor(value.length * CUT_TO) : 0;
    const cut = { [VALUE_BYTES_HEADER]: headers[VALUE_BYTES_HEADER] ?? String(value.length) };
    return { ...deadLetter, value: value.subarray(0, bytes), headers: { ...headers, ...cut } };
  }
  const ours = Object.entries(headers).filter(([name]) => isOurs(name));
  const hasOthers = ours.length < Object.keys(headers).length;
  const isKeyLarge = key !== null && key.length > MIN_KEY_BYTES;
  if (!hasOthers && !isKeyLarge) return undefined;
  return { ...deadLetter, key: isKeyLarge ? null : key, headers: Object.fromEntries(ours) };
}

const isOurs = (name: string) =>
  ["__connect.errors.", "__dlq.errors.", "fiber.dlq."].some((prefix) => name.startsWith(prefix));

function withoutTimestamp({
  timestamp,
  ...deadLetter
}: OutgoingRecord): OutgoingRecord | undefined {
  if (timestamp === undefined) return undefined;
  return { ...deadLetter, headers: { ...deadLetter.headers, [TIMESTAMP_HEADER]: timestamp } };
}
