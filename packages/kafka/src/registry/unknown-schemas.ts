import type { DeadReason } from "@fiberstream/runtime/outcome";
import { schemaIdOf } from "./wire-format.ts";

/** The schema ids of a batch that are not known yet. */
export type UnknownSchemas = {
  readonly add: (value: Buffer | null) => void;
  /**
   * Looks them up, those with the most records first, until too many do not exist.
   * @param lookUp returns whether there is such a schema
   * @throws what `lookUp` throws
   */
  readonly lookUp: (lookUp: (id: number) => Promise<boolean>) => Promise<void>;
};

/**
 * A batch may have tens of thousands of ids that do not exist. Each look-up takes a few milliseconds, in which the
 * partition waits, and a consumer that waits for a minute is restarted.
 */
const MAX_MISSING = 100;

export function createUnknownSchemas(isKnown: (id: number) => boolean): UnknownSchemas {
  const counts = new Map<number, number>();
  let known: number | undefined;
  return {
    add: (value) => {
      const id = schemaIdOf(value);
      // Consecutive records mostly have the same writer.
      if (id === undefined || id === known) return;
      if (isKnown(id)) known = id;
      else counts.set(id, (counts.get(id) ?? 0) + 1);
    },
    lookUp: async (lookUp) => {
      const ids = [...counts].toSorted(([, a], [, b]) => b - a);
      let missing = 0;
      for (const [id] of ids) {
        if (missing === MAX_MISSING) return;
        if (!(await lookUp(id))) missing++;
      }
    },
  };
}

/** Returns the reason of a record whose id was not looked up. */
export const noSchema = (schemaId: number): DeadReason => ({
  failureClass: "unknown-schema",
  message: `schema id ${schemaId} was not looked up: its batch has more than ${MAX_MISSING} ids that the schema registry does not have`,
  schemaId,
});
