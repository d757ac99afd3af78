import fc from "fast-check";

export type SampleEvent = {
  readonly node: number;
  readonly target: number;
  readonly ageS: number;
  readonly latencyMs: number | null;
  readonly lossPct: number;
  readonly received: number | null;
  readonly isAnomaly: boolean;
};

export type Step =
  | { readonly kind: "insert"; readonly events: readonly SampleEvent[] }
  | {
      readonly kind: "repeat" | "delete" | "change" | "delete sealed" | "change sealed";
      readonly oneOf: number;
      readonly place: number;
    }
  | {
      readonly kind:
        | "restore"
        | "retain"
        | "drop"
        | "settle"
        | "settle and retain"
        | "settle and seal"
        | "truncate";
    }
  | { readonly kind: "advance"; readonly hours: number }
  | { readonly kind: "seal"; readonly steps: number; readonly minutes: number }
  | { readonly kind: "erase"; readonly node: string | null; readonly tenant: string | null }
  | {
      readonly kind: "refresh";
      readonly width: number;
      readonly maxPairs: number;
      readonly isEarly: boolean;
    };

/** How long rows and roll-ups are kept, and which series keep their minutes: those with more events in an hour. */
export type Kept = {
  readonly rawHours: number;
  readonly minutesHours: number;
  readonly hourlyHours: number;
  readonly sparseEvents: number;
};

/** Much longer than the steps take. */
export const KEPT_LONG: Kept = {
  rawHours: 24,
  minutesHours: 720,
  hourlyHours: 2_160,
  sparseEvents: 120,
};

const event = fc.record<SampleEvent>({
  node: fc.integer({ min: 0, max: 3 }),
  target: fc.integer({ min: 0, max: 1 }),
  // Most within minutes of each other, some days ago, some ahead.
  ageS: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: -90, max: 900 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 2 * 86_400 }) },
  ),
  latencyMs: fc.option(
    fc.oneof(
      fc.double({ min: 0, max: 10_000, noNaN: true }),
      fc.constantFrom(0, 0.1, 1, 9_999.999, 10_000, -1, 10_001, Number.NaN),
      fc.integer({ min: 1, max: 50 }),
    ),
  ),
  lossPct: fc.oneof(fc.constantFrom(0, 0, 100), fc.double({ min: 0, max: 100, noNaN: true })),
  received: fc.option(fc.integer({ min: 0, max: 10 })),
  isAnomaly: fc.boolean(),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("insert" as const),
      events: fc.array(event, { minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "repeat" as const,
        "repeat" as const,
        "delete" as const,
        "change" as const,
        "delete sealed" as const,
        "change sealed" as const,
      ),
      oneOf: fc.integer({ min: 1, max: 4 }),
      place: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "restore" as const,
        "retain" as const,
        "drop" as const,
        "settle" as const,
        // What is left out then is missing to what comes later.
        "settle and retain" as const,
        "settle and retain" as const,
        "settle and seal" as const,
        "truncate" as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      hours: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("seal" as const),
      steps: fc.integer({ min: 1, max: 12 }),
      minutes: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      { kind: "erase", node: "node-1", tenant: null },
      { kind: "erase", node: null, tenant: "tenant-0" },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("refresh" as const),
      width: fc.constantFrom(1, 1, 5, 60, 1_440),
      maxPairs: fc.integer({ min: 1, max: 8 }),
      isEarly: fc.boolean(),
    }),
  },
);

export type Run = { readonly kept: Kept; readonly steps: readonly Step[] };

export const anyRun: fc.Arbitrary<Run> = fc.record({
  kept: fc
    .tuple(
      // Each as long as what it is computed from, or longer.
      fc.constantFrom([24, 24], [24, 72], [72, 2_160], [720, 2_160]),
      // None, some and all of the series have few events.
      fc.constantFrom(0, 2, 120),
    )
    .map(([[minutesHours = 24, hourlyHours = 24], sparseEvents]) => ({
      rawHours: 24,
      minutesHours,
      hourlyHours,
      sparseEvents,
    })),
  steps: fc.array(step, { minLength: 3, maxLength: 25 }),
});
