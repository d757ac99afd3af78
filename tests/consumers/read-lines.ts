import { isoOf, microsOf } from "@fiberstream/client";

/**
 * The JSON lines of a consumer, their times in one form: languages write ISO 8601 with or without zeros at
 * the end of a fraction, and UTC as Z or as +00:00.
 */
export function readLines(output: string): Record<string, unknown>[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const value = JSON.parse(line) as Record<string, unknown>;
      return Object.assign(value, {
        timestamp: inOneForm(value["timestamp"]),
        received_at: inOneForm(value["received_at"]),
      });
    });
}

const inOneForm = (time: unknown): string => {
  if (typeof time !== "string")
    throw new TypeError(`a time that is no text: ${JSON.stringify(time)}`);
  return isoOf(microsOf(time));
};
