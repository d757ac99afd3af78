import type { GatewayAnswer } from "./gateway-client.ts";

/** The events of a request that were not accepted: the reason for each index in the request. */
export type Refusals = ReadonlyMap<number, string>;

/**
 * Returns the events of a request that the gateway did not accept.
 * @param events how many were sent
 */
export function readAnswer(answer: GatewayAnswer, events: number): Refusals {
  if (answer.status !== 202) return refusedAll(reasonOf(answer), events);
  // The answer to a single event has no results.
  if (!answer.body.includes('"results"')) return NONE;
  const { results } = JSON.parse(answer.body) as {
    results: readonly { index: number; status: string; code: string }[];
  };
  return results.length === 0
    ? NONE
    : new Map(results.map(({ index, status, code }) => [index, `${status} ${code}`]));
}

/** Returns all events as refused, if no answer came: it is not known whether the gateway accepted them. */
export const unanswered = (error: unknown, events: number): Refusals =>
  refusedAll(`no answer (${codeOf(error)})`, events);

function reasonOf({ status, body }: GatewayAnswer): string {
  try {
    const { code } = JSON.parse(body) as { code?: unknown };
    return typeof code === "string" ? `${status} ${code}` : String(status);
  } catch {
    return String(status);
  }
}

/** Returns the code of a connection's error, e.g. ECONNREFUSED. (For localhost, two addresses may have been tried.) */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}

function refusedAll(reason: string, events: number): Refusals {
  return new Map(Array.from({ length: events }, (_, index) => [index, reason]));
}

const NONE: Refusals = new Map();
