import type { GatewayAnswer } from "./gateway-client.ts";

/** Which events of a request were not accepted: the place in the request, and why. */
export type Refusals = ReadonlyMap<number, string>;

/** What the gateway says of each event of a request. @param events how many were sent */
export function readAnswer(answer: GatewayAnswer, events: number): Refusals {
  if (answer.status !== 202) return refusedAll(reasonOf(answer), events);
  // The answer to a single event has no results, nor has it any doubt.
  if (!answer.body.includes('"results"')) return NONE;
  const { results } = JSON.parse(answer.body) as {
    results: readonly { index: number; status: string; code: string }[];
  };
  return results.length === 0
    ? NONE
    : new Map(results.map(({ index, status, code }) => [index, `${status} ${code}`]));
}

/** No answer came: whether the events were kept is not known, so they do not count as accepted. */
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

/** The code of a connection's error, e.g. ECONNREFUSED; localhost may be tried on two addresses. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}

function refusedAll(reason: string, events: number): Refusals {
  return new Map(Array.from({ length: events }, (_, index) => [index, reason]));
}

const NONE: Refusals = new Map();
