import type { TraceContext } from "@fiberstream/runtime/trace-context";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";

/** OpenTelemetry's names for the rules of its specification that fit a first service. */
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
 * Whether a request's trace is sampled.
 * @param given where the request's sender is in its own trace
 */
export type IsSampled = (given: TraceContext | undefined) => boolean;

/**
 * Whoever reaches the port can send a traceparent, so what it decides is bounded: a trace costs headers on each
 * record and spans in each service.
 *
 * @param options.ratio 0 to 1
 * @param options.maxGivenPerSecond past which a request's own traceparent decides nothing
 */
export function createSampler(options: {
  name: SamplerName;
  ratio: number;
  maxGivenPerSecond: number;
  nowMs?: () => number;
}): IsSampled {
  const { name, ratio } = options;
  const hasRoom = roomPerSecond(options.maxGivenPerSecond, options.nowMs);
  const takeRatio = () => Math.random() < ratio;
  /** What the sender's trace decides while there is room, else what is decided of requests without one. */
  const byGiven =
    (decided: (given: TraceContext) => boolean, alone: () => boolean): IsSampled =>
    (given) => {
      if (given === undefined) return alone();
      return decided(given) && (hasRoom() || alone());
    };
  switch (name) {
    case "always_on":
      return () => true;
    case "always_off":
      return () => false;
    case "traceidratio":
      return byGiven(({ traceId }) => partOfAll(traceId) < ratio, takeRatio);
    case "parentbased_always_on":
      return (given) => given?.isSampled ?? true;
    case "parentbased_always_off":
      return byGiven(isSampled, () => false);
    case "parentbased_traceidratio":
      return byGiven(isSampled, takeRatio);
  }
}

const isSampled = (given: TraceContext): boolean => given.isSampled;

/** Takes one of the second's places, if there is one left. */
function roomPerSecond(
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

/** 0 to 1, the same for all who see the trace: by the digits that are random in every trace id. */
const partOfAll = (traceId: string): number => Number.parseInt(traceId.slice(-8), 16) / 2 ** 32;
