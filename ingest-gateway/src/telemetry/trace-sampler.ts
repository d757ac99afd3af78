import type { TraceContext } from "@fiberstream/runtime/trace-context";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** The samplers of OpenTelemetry's specification that fit the first service of a trace. */
const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
type SamplerName = (typeof SAMPLERS)[number];

export const samplerSettings = () => ({
  tracesSampler: setting(
    "OTEL_TRACES_SAMPLER",
    z.enum(SAMPLERS).default("parentbased_traceidratio"),
    `which requests are traced: ${SAMPLERS.join(", ")}; parentbased: a request's own traceparent decides`,
  ),
  tracesSampleRatio: setting(
    "OTEL_TRACES_SAMPLER_ARG",
    z.coerce.number<string>().min(0).max(1).default(0.01),
    "share of traces that the ratio samplers sample, 0 to 1",
  ),
  tracesGivenMaxPerSecond: setting(
    "TRACES_GIVEN_MAX_PER_SECOND",
    wholeNumber({ min: 0, max: 1_000_000 }).default(20),
    "requests a second that are traced because of their traceparent; past it the header is ignored",
  ),
});

/**
 * Returns whether a request's trace is sampled.
 * @param given the trace context of the request, if it has one
 */
export type IsSampled = (given: TraceContext | undefined) => boolean;

/**
 * Anybody who reaches the port can send a traceparent, so the number of traces that it starts is limited: a trace costs
 * headers on each record and spans in each service.
 *
 * @param options.ratio 0 to 1
 * @param options.maxGivenPerSecond past which a request's traceparent is ignored
 */
export function createSampler(options: {
  name: SamplerName;
  ratio: number;
  maxGivenPerSecond: number;
  nowMs?: () => number;
}): IsSampled {
  const { name, ratio } = options;
  const isBelowLimit = limitPerSecond(options.maxGivenPerSecond, options.nowMs);
  const takeRatio = () => Math.random() < ratio;
  /** Decides by the sender's trace below the limit, otherwise as for requests without a trace. */
  const byGiven =
    (decided: (given: TraceContext) => boolean, alone: () => boolean): IsSampled =>
    (given) => {
      if (given === undefined) return alone();
      return decided(given) && (isBelowLimit() || alone());
    };
  switch (name) {
    case "always_on":
      return () => true;
    case "always_off":
      return () => false;
    case "traceidratio":
      return byGiven(({ traceId }) => ratioOf(traceId) < ratio, takeRatio);
    case "parentbased_always_on":
      return (given) => given?.isSampled ?? true;
    case "parentbased_always_off":
      return byGiven(isSampled, () => false);
    case "parentbased_traceidratio":
      return byGiven(isSampled, takeRatio);
  }
}

const isSampled = (given: TraceContext): boolean => given.isSampled;

/** Returns a function that counts a call and returns whether the second's limit is not yet exceeded. */
function limitPerSecond(
  maxPerSecond: number,
  nowMs: () => number = () => performance.now(),
): () => boolean {
  let secondBeganAtMs = nowMs();
  let taken = 0;
  return () => {
    if (nowMs() - secondBeganAtMs >= 1_000) {
      secondBeganAtMs = nowMs();
      taken = 0;
    }
    return taken++ < maxPerSecond;
  };
}

/** Returns a number from 0 to 1 that depends on the trace id only: on the digits that are random in every trace id. */
const ratioOf = (traceId: string): number => Number.parseInt(traceId.slice(-8), 16) / 2 ** 32;
