import type { Delivery } from "../produce/produce-batch.ts";
import type { CheckedEvents } from "../validation/validate-events.ts";

/** The result of a request's events, as counts. */
export type EventCounts = {
  readonly accepted: number;
  readonly rejected: number;
  readonly retry: number;
};

export function countsOf(
  { rejections, undecided = [] }: CheckedEvents,
  deliveries: readonly Delivery[],
): EventCounts {
  let accepted = 0;
  for (const delivery of deliveries) if (delivery === "accepted") accepted++;
  const retry = deliveries.length - accepted + undecided.length;
  return { accepted, rejected: rejections.length, retry };
}
