import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Version 00 of W3C Trace Context; an id of zeros only is not one. */
const FORM = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/**
 * Decides which requests' records carry a `traceparent`: headers on every record would double what a
 * produce call costs, so only sampled ones do.
 *
 * @param options.sampleRatio how many of the requests that bring no trace begin a sampled one, 0 to 1
 * @returns for a request its records' headers, undefined when it is not sampled
 */
export function createTraceHeaders({ sampleRatio }: { sampleRatio: number }) {
  return (request: IncomingMessage): { traceparent: string } | undefined => {
    const given = request.headers["traceparent"];
    const flags = typeof given === "string" ? FORM.exec(given)?.[1] : undefined;
    if (typeof given === "string" && flags !== undefined) {
      const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
      return isSampled ? { traceparent: given } : undefined;
    }
    if (Math.random() >= sampleRatio) return undefined;
    return {
      traceparent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`,
    };
  };
}
