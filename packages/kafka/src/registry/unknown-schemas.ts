import type { DeadReason } from "@fiberstream/runtime/outcome";
import { schemaIdOf } from "./wire-format.ts";

/** The schema ids of a batch that are not known yet. */
export type UnknownSchemas = {
  readonly see: (value: Buffer | null) => void;
  /**
   * Looks them up, those of the most records first, until too many are missing.
   * @param lookUp tells whether there is such a schema
   * @throws what `lookUp` throws
   */
  readonly lookUp: (lookUp: (id: number) => Promise<boolean>) => Promise<void>;
};

/**
 * A batch may name tens of thousands of ids that nobody has given out; each look-up takes a few milliseconds, in which the
 * partition waits, and a consumer that waits for a minute is restarted.
 */
const MAX_MISSING = 100;

export function createUnknownSchemas(isKnown: (id: number) => boolean): UnknownSchemas {
  const counts = new Map<number, number>();
  let known: number | undefined;
  return {
    see: (value) => {
      const id = schemaIdOf(value);
      // Neighbours mostly have the same writer.
      if (id === undefined || id === known) return;
      if (isKnown(id)) known = id;
      else counts.set(id, (counts.get(id) ?? 0) + 1);
    },
    lookUp: async (lookUp) => {
      const ids = [...counts].toSorted(([, count], [, other]) => other - count);
      let missing = 0;
      for (const [id] of ids) {
        if (missing === MAX_MISSING) return;
        if (!(await lookUp(id))) missing++;
      }
    },
  };
}

/** Of an id that was not looked up. */
export const noSchema = (schemaId: number): DeadReason => ({
  failureClass: "unknown-schema",
  message: `schema id ${schemaId} was not looked up: its batch names more than ${MAX_MISSING} that the schema registry does not have`,
  schemaId,
});
