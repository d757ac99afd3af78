import type { IncomingMessage } from "node:http";

/** The steps of a request, each ending where the next one begins. */
export type Step = "auth" | "body" | "check" | "kafka";
export type Mark = (step: Step) => void;

/**
 * Measures the steps of a request, for senders that request it with `X-Fiber-Timing`.
 * @returns undefined for other senders, for which it costs nothing
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
    /** The header of W3C Server Timing; durations in ms. */
    header: () => ({ "Server-Timing": entries.join(", ") }),
  };
}

export const markNothing: Mark = () => undefined;
