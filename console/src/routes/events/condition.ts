import { whereAsSql } from "@fiberstream/conditions/where-sql";
import { messageOf } from "@fiberstream/runtime/errors";
import { Refusal } from "../../answers/refusal.ts";

/**
 * Returns a condition of a question as SQL.
 * @throws {Refusal} INVALID_CONDITION
 */
export function conditionOf(text: string, options: Parameters<typeof whereAsSql>[1]): string {
  try {
    return whereAsSql(text, options);
  } catch (error) {
    throw new Refusal("INVALID_CONDITION", `where: ${messageOf(error)}`, {
      faults: [{ field: "where", message: messageOf(error) }],
    });
  }
}
