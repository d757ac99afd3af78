import { type DeadLetter, type DeadLetterFilter, matches } from "@fiberstream/kafka/dead-letters";
import { FAILURE_CLASSES } from "@fiberstream/runtime/outcome";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { z } from "zod";
import { isEverything, sees, type TenantScope } from "../access/scope.ts";
import { nodeId, shortText, time } from "../routes/parameters.ts";
import type { FindOwners } from "./letter-owners.ts";

/** By what dead letters can be selected, in queries and in the body of a redrive. */
export const letterFilter = {
  stage: z
    .enum(["decode", "produce", "write"])
    .optional()
    .describe("The step that failed: decode, produce (to Kafka) or write (to PostgreSQL)."),
  reason: z.enum(FAILURE_CLASSES).optional().describe("The class of the failure."),
  topic: z
    .enum(["probe.metrics.raw", "probe.metrics.enriched"])
    .optional()
    .describe("The topic that the record came from."),
  node: nodeId.optional().describe("The record's key."),
  tenant: shortText(63)
    .optional()
    .describe("Only letters whose event says that it is of the tenant."),
  from: time()
    .optional()
    .describe("Failed at this time or later. ISO 8601, or an age such as -6h."),
  to: time().optional().describe("Failed before this time."),
};

export type LetterFilter = z.output<z.ZodObject<typeof letterFilter>>;

/** Returns the filter as `fiber dlq` has it, so that both find the same letters, and name a replay's progress alike. */
export function dlqFilter(
  { stage, reason, topic, node, from, to }: LetterFilter,
  namespace: string,
): DeadLetterFilter {
  const moment = (date: Date | undefined) =>
    date && { text: date.toISOString(), ms: date.getTime() };
  return {
    stage,
    class: reason,
    topic: topic && topicIn(namespace, topic),
    key: node,
    since: moment(from),
    until: moment(to),
  };
}

/** Creates a function that selects the letters that match a filter and that a reader may see. */
export function createSelectLetters(options: {
  filter: DeadLetterFilter;
  scope: TenantScope;
  /** Undefined: of all that the scope has. */
  tenant: string | undefined;
  findOwners: FindOwners;
}): (letters: readonly DeadLetter[]) => Promise<readonly DeadLetter[]> {
  const { filter, scope, tenant, findOwners } = options;
  return async (letters) => {
    const matching = letters.filter((letter) => matches(letter, filter));
    if (isEverything(scope) && tenant === undefined) return matching;
    const ownerOf = await findOwners(matching);
    return matching.filter((letter) => {
      const owner = ownerOf(letter);
      if (owner === undefined) return false;
      return (tenant === undefined || owner.tenant === tenant) && sees(scope, owner);
    });
  };
}
