import type { TraceContext } from "@fiberstream/runtime/trace-context";
import { setting } from "@fiberstream/runtime/settings";
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
    `which requests' traces are sampled: ${SAMPLERS.join(", ")}; parentbased: a request that brings a traceparent decides itself`,
  ),
  tracesSampleRatio: setting(
    "OTEL_TRACES_SAMPLER_ARG",
    z.coerce.number<string>().min(0).max(1).default(0.01),
    "share of the traces that the ratio samplers take, 0 to 1",
  ),
});

/** Whether a request's trace is sampled. @param given where the request's sender is in its own trace */
export type IsSampled = (given: TraceContext | undefined) => boolean;

/** @param ratio 0 to 1 */
export function createSampler({ name, ratio }: { name: SamplerName; ratio: number }): IsSampled {
  const takeRatio: IsSampled = (given) =>
    (given === undefined ? Math.random() : partOfAll(given.traceId)) < ratio;
  switch (name) {
    case "always_on":
      return () => true;
    case "always_off":
      return () => false;
    case "traceidratio":
      return takeRatio;
    case "parentbased_always_on":
      return (given) => given?.isSampled ?? true;
    case "parentbased_always_off":
      return (given) => given?.isSampled ?? false;
    case "parentbased_traceidratio":
      return (given) => given?.isSampled ?? takeRatio(undefined);
  }
}

/** 0 to 1, the same for all who see the trace: by the digits that are random in every trace id. */
const partOfAll = (traceId: string): number => Number.parseInt(traceId.slice(-8), 16) / 2 ** 32;
