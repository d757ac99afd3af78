import { isoOf, microsOf } from "@fiberstream/client";

/**
 * Parses the JSON lines of a consumer, with times in one format: languages write ISO 8601 with or without trailing zeros
 * in the fraction, and UTC as Z or as +00:00.
 */
export function readLines(output: string): Record<string, unknown>[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const value = JSON.parse(line) as Record<string, unknown>;
      return Object.assign(value, {
        timestamp: normalized(value["timestamp"]),
        received_at: normalized(value["received_at"]),
      });
    });
}

const normalized = (time: unknown): string => {
  if (typeof time !== "string")
    throw new TypeError(`a time that is not a text: ${JSON.stringify(time)}`);
  return isoOf(microsOf(time));
};
