import type { IncomingMessage } from "node:http";

/** The steps of a request, each ending where the next one begins. */
export type Step = "auth" | "body" | "check" | "kafka";
export type Mark = (step: Step) => void;

/**
 * Where a request's time went, for senders that ask with `X-Fiber-Timing`: others should not pay for it.
 * @returns undefined for those who do not ask
 */
export function createServerTiming(
  request: IncomingMessage,
): { mark: Mark; header: () => Record<string, string> } | undefined {
  if (request.headers["x-fiber-timing"] === undefined) return undefined;
  const entries: string[] = [];
  let stepBeganAt = performance.now();
  return {
    mark: (step) => {
      const now = performance.now();
      entries.push(`${step};dur=${(now - stepBeganAt).toFixed(2)}`);
      stepBeganAt = now;
    },
    /** As W3C Server Timing has it; durations in ms. */
    header: () => ({ "Server-Timing": entries.join(", ") }),
  };
}

export const markNothing: Mark = () => undefined;
