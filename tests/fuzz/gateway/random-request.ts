import fc from "fast-check";
import { content, damage, encoding, form } from "./random-body.ts";
import { count, mostly, oneOf, share } from "./random-values.ts";
import type { Damage, Encoding, Framing, Recipe } from "./recipe.ts";

const framing: fc.Arbitrary<Framing> = fc.record({
  kind: mostly<Framing["kind"]>(8, oneOf("length", "chunked"), oneOf("both", "bad-chunk")),
  lie: mostly(8, fc.constant(0), fc.integer({ min: -2_000, max: 20_000_000 }), oneOf(-1, 1, 1e9)),
  chunkBytes: oneOf(1, 1, 2, 100, 16_384, 1_000_000),
  pieceBytes: oneOf(1, 7, 1_000, 65_536, 1e9, 1e9),
  pauseMs: mostly(3, fc.constant(0), count(50)),
  written: mostly(8, fc.constant(1), share),
  ending: mostly<Framing["ending"]>(6, fc.constant("wait"), oneOf("half-close", "leave")),
});

const header: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  fc.uuid().map((id) => ["X-Batch-ID", id] as const),
  oneOf<readonly [string, string]>(
    ["X-Batch-ID", "9a7c61d4-3b0e-4f0e-9a51-0d6a3c1f7b20"],
    ["X-Batch-ID", "none"],
    ["Expect", "100-continue"],
    ["Expect", "foo"],
    ["Connection", "close"],
    ["Connection", "Upgrade"],
    ["Upgrade", "h2c"],
    ["X-Fiber-Timing", "1"],
    ["Trailer", "X-Late"],
    ["TE", "trailers"],
    ["Content-Length", "0"],
    ["X-Fiber-Signature", "00"],
  ),
  count(20_000).map((length) => ["X-Long", "x".repeat(length)] as const),
  count(20_000).map((length) => ["X-Request-ID", "r".repeat(length)] as const),
  fc.string({ maxLength: 200, unit: "grapheme" }).map((text) => ["X-Region-ID", text] as const),
  fc.string({ maxLength: 60, unit: "binary" }).map((text) => ["X-Request-ID", text] as const),
  fc.tuple(fc.nat(), fc.nat()).map(([trace, span]) => {
    const hex = (number: number, digits: number) => number.toString(16).padStart(digits, "1");
    return ["traceparent", `00-${hex(trace, 32)}-${hex(span, 16)}-01`] as const;
  }),
);

const hostile: fc.Arbitrary<Recipe> = fc.record({
  path: mostly<Recipe["path"]>(3, fc.constant("/api/ingest"), fc.constant("/api/push")),
  type: mostly<string | undefined>(
    8,
    fc.constant(""),
    oneOf(
      "application/json",
      "application/x-ndjson",
      "text/plain",
      'application/json; charset="utf-16"',
      undefined,
    ),
  ),
  token: mostly<Recipe["token"]>(8, fc.constant("good"), oneOf("invented", "rubbish", "none")),
  content,
  damage,
  encoding,
  framing,
  headers: mostly(
    3,
    fc.constant<(readonly [string, string])[]>([]),
    fc.array(header, { maxLength: 12 }),
  ),
  copies: mostly(
    6,
    fc.constant(1),
    fc.integer({ min: 2, max: 5 }),
    fc.integer({ min: 90, max: 130 }),
  ),
});

/** Correct requests, which are only split in unusual ways: the gateway has to accept all their events. */
const good: fc.Arbitrary<Recipe> = fc.record({
  path: mostly<Recipe["path"]>(3, fc.constant("/api/ingest"), fc.constant("/api/push")),
  type: fc.constant(""),
  token: fc.constant("good"),
  content: fc.record({
    kind: fc.constant("events"),
    count: count(10_000),
    form,
    others: fc.constant([]),
  }),
  damage: mostly<Damage>(
    3,
    fc.constant({ kind: "none" }),
    fc.constant({ kind: "byte-order-mark" }),
  ),
  encoding: fc
    .tuple(
      oneOf<Encoding["packed"]>("none", "gzip", "br", "zstd", "deflate"),
      mostly(1, count(1_000), fc.constant(1)),
    )
    .map(([by, parts]) => ({
      named: by === "none" ? undefined : by,
      packed: by,
      parts: by === "gzip" || by === "zstd" ? parts : 1,
      times: 1,
      damage: { kind: "none" },
      left: "",
    })),
  framing: framing.map(honestly),
  headers: fc.constant([]),
  copies: mostly(4, fc.constant(1), fc.integer({ min: 2, max: 20 })),
});

function honestly(one: Framing): Framing {
  return {
    ...one,
    kind: one.kind === "length" ? "length" : "chunked",
    lie: 0,
    written: 1,
    ending: "wait",
  };
}

/** Hostile requests, and some that only look like that. */
const request = fc.oneof({ weight: 4, arbitrary: hostile }, { weight: 1, arbitrary: good });

/** Returns request `number` of a seed, always the same. */
export function requestOf(seed: number, number: number): Recipe {
  const [recipe] = fc.sample(request, {
    seed: (Math.imul(seed, 0x9e3779b1) + number) | 0,
    numRuns: 1,
  });
  if (recipe === undefined) throw new Error("fast-check returned no request");
  return recipe;
}
