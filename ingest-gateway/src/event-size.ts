import type { ProbeMetric } from "@fiberstream/schemas/generated/records";

/** Up to so many bytes of metadata an event is small enough whatever its other texts are (2.3 KB at most). */
const SMALL_METADATA_BYTES = 1_024;

/**
 * The size of an event of a batch, counted as JSON without white space and with short numbers, where it is past a limit.
 * Most events are not counted: those without unknown fields and with little metadata cannot be too large.
 *
 * @param event made of `input`
 * @returns undefined within the limit, else the bytes counted so far: counting ends there
 */
export function bytesPastLimit(
  input: object,
  { metadata }: Pick<ProbeMetric, "metadata">,
  options: { unknownFields: number; maxBytes: number },
): number | undefined {
  const { unknownFields, maxBytes } = options;
  const metadataBytes = metadata === null ? 0 : Buffer.byteLength(metadata);
  if (unknownFields === 0 && metadataBytes <= SMALL_METADATA_BYTES) return undefined;
  const bytes = jsonBytes(input, maxBytes);
  return bytes > maxBytes ? bytes : undefined;
}

const BRACKETS = 2;
const COMMA = 1;
const COLON = 1;

/** Counts until it is past `maxBytes`, and so goes no deeper than half of them. */
function jsonBytes(value: object, maxBytes: number): number {
  let bytes = 0;

  const countInside = (holder: object): void => {
    bytes += BRACKETS;
    let separator = 0;
    // A list may be long: its places are not made into keys first.
    const keys = Array.isArray(holder) ? holder.keys() : Object.keys(holder);
    for (const key of keys) {
      if (bytes > maxBytes) return;
      bytes += separator;
      separator = COMMA;
      if (typeof key === "string") bytes += textBytes(key) + COLON;
      const inner = (holder as Record<string | number, unknown>)[key];
      if (typeof inner === "string") bytes += textBytes(inner);
      else if (typeof inner === "object" && inner !== null) countInside(inner);
      else bytes += typeof inner === "number" ? numberBytes(inner) : String(inner).length;
    }
  };

  countInside(value);
  return bytes;
}

const textBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text));

/** The shortest that it can be written in: no more than what the sender has. */
const numberBytes = (number: number): number =>
  Number.isFinite(number)
    ? Math.min(String(number).length, number.toExponential().replace("+", "").length)
    : INFINITE_BYTES;

/** 1e309 is the shortest number beyond all doubles. */
const INFINITE_BYTES = 5;
