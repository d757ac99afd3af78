import { whereAsSql } from "@fiberstream/conditions/where-sql";
import { messageOf } from "@fiberstream/runtime/errors";
import { Refusal } from "../../answers/refusal.ts";

/**
 * Returns a condition of a question as SQL, which is computed only of rows that the reader may see. PostgreSQL computes the
 * conditions of a WHERE in any order: the error of one, or how long it takes, would tell of the rows of other tenants. It computes
 * a CASE in its order.
 *
 * @param options.isVisible the condition that the reader may see the row
 * @throws {Refusal} INVALID_CONDITION
 */
export function conditionOf(
  text: string,
  { isVisible, ...options }: Parameters<typeof whereAsSql>[1] & { readonly isVisible: string },
): string {
  try {
    return `CASE WHEN ${isVisible} THEN ${whereAsSql(text, options)} ELSE false END`;
  } catch (error) {
    throw new Refusal("INVALID_CONDITION", `where: ${messageOf(error)}`, {
      faults: [{ field: "where", message: messageOf(error) }],
    });
  }
}
