import { createHmac, timingSafeEqual } from "node:crypto";
import { Refusal } from "../answers/refusal.ts";

/** The values that a cursor has: the position after which the next page begins. */
export type Position = readonly (string | number)[];

export type Cursors = {
  /** @param question what the cursor belongs to: it is rejected with another question */
  readonly write: (question: string, position: Position) => string;
  /** @throws {Refusal} INVALID_CURSOR */
  readonly read: (question: string, cursor: string) => Position;
};

const TAG_BYTES = 16;

/**
 * Opaque, signed cursors: their content can change between versions without notice, and nobody can make the database look
 * anywhere else by editing one.
 *
 * @param secret common to all processes
 */
export function createCursors(secret: Buffer): Cursors {
  const key = createHmac("sha256", secret).update("cursors of the query API").digest();
  const tagOf = (question: string, text: string) =>
    createHmac("sha256", key)
      .update(JSON.stringify([question, text]))
      .digest()
      .subarray(0, TAG_BYTES);

  return {
    write: (question, position) => {
      const text = JSON.stringify(position);
      return Buffer.concat([tagOf(question, text), Buffer.from(text)]).toString("base64url");
    },
    read: (question, cursor) => {
      const bytes = Buffer.from(cursor, "base64url");
      const text = bytes.subarray(TAG_BYTES).toString();
      const expected = tagOf(question, text);
      const given = bytes.subarray(0, TAG_BYTES);
      if (given.length === expected.length && timingSafeEqual(given, expected)) {
        return JSON.parse(text) as Position;
      }
      throw new Refusal(
        "INVALID_CURSOR",
        "the cursor is not one of this question: send meta.next_cursor with the parameters of the answer that it came from",
      );
    },
  };
}
