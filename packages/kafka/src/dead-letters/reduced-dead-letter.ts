import type { OutgoingRecord } from "../records.ts";

/** How large the value was of which a letter has only the beginning, and when its record was stamped. */
export const VALUE_BYTES_HEADER = "fiber.dlq.value-bytes";
export const TIMESTAMP_HEADER = "fiber.dlq.record-timestamp";

/** A sixteenth at a time: what the topic takes is not known, and nothing is left after five tries. */
const CUT_TO = 1 / 16;
const LEAST_VALUE_BYTES = 1_024;
const LEAST_KEY_BYTES = 1_024;

/**
 * A dead letter that Kafka refuses, as it may take it: with less of what makes it refused. The record itself stands where
 * its letter says, for as long as that topic keeps it.
 *
 * @param type the protocol's name of why it is refused
 * @returns undefined when nothing can be left out any more
 */
export function reducedDeadLetter(
  letter: OutgoingRecord,
  type: string,
): OutgoingRecord | undefined {
  if (TOO_LARGE.has(type)) return smaller(letter);
  return type === "INVALID_TIMESTAMP" ? stampedAnew(letter) : undefined;
}

const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Whether a letter that is refused so may be taken with less in it. */
export const isReducibleRefusal = (type: string | undefined): type is string =>
  type !== undefined && (TOO_LARGE.has(type) || type === "INVALID_TIMESTAMP");

function smaller(letter: OutgoingRecord): OutgoingRecord | undefined {
  const { key, value, headers = {} } = letter;
  if (value !== null && value.length > 0) {
    const kept = value.length > LEAST_VALUE_BYTES ? Math.floor(value.length * CUT_TO) : 0;
    const cut = { [VALUE_BYTES_HEADER]: headers[VALUE_BYTES_HEADER] ?? String(value.length) };
    return { ...letter, value: value.subarray(0, kept), headers: { ...headers, ...cut } };
  }
  const ours = Object.entries(headers).filter(([name]) => isOurs(name));
  const hasOthers = ours.length < Object.keys(headers).length;
  const isKeyLarge = key !== null && key.length > LEAST_KEY_BYTES;
  if (!hasOthers && !isKeyLarge) return undefined;
  return { ...letter, key: isKeyLarge ? null : key, headers: Object.fromEntries(ours) };
}

const isOurs = (name: string) =>
  ["__connect.errors.", "__dlq.errors.", "fiber.dlq."].some((prefix) => name.startsWith(prefix));

function stampedAnew({ timestamp, ...letter }: OutgoingRecord): OutgoingRecord | undefined {
  if (timestamp === undefined) return undefined;
  return { ...letter, headers: { ...letter.headers, [TIMESTAMP_HEADER]: timestamp } };
}
