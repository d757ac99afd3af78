import fc from "fast-check";

/** The recipe of a request: small, so that a finding can show it, and deterministic. */
export type Recipe = {
  readonly path: "/api/push" | "/api/ingest";
  readonly type: string | undefined;
  readonly token: "good" | "invented" | "rubbish" | "none";
  readonly content: Content;
  /** Damage to the content before it is compressed. */
  readonly damage: Damage;
  readonly encoding: Encoding;
  readonly framing: Framing;
  readonly headers: readonly (readonly [string, string])[];
  /** How often the request is written, pipelined. */
  readonly copies: number;
};
export type Content =
  | {
      readonly kind: "nested";
      readonly open: string;
      readonly close: string;
      readonly depth: number;
    }
  | { readonly kind: "many"; readonly value: string; readonly count: number; readonly form: Form }
  | { readonly kind: "blank"; readonly of: string; readonly count: number }
  | { readonly kind: "long"; readonly of: string; readonly count: number; readonly field: string }
  | {
      readonly kind: "events";
      readonly count: number;
      readonly form: Form;
      readonly others: readonly string[];
    }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly base64: string };
type Form = "array" | "metrics" | "lines";
export type Damage =
  | { readonly kind: "none" | "byte-order-mark" | "utf-16" }
  | { readonly kind: "cut" | "flip"; readonly at: number }
  | { readonly kind: "insert"; readonly at: number; readonly base64: string };
export type Encoding = {
  /** Value of the header; undefined: no header. */
  readonly named: string | undefined;
  readonly packed: "none" | "gzip" | "br" | "zstd" | "deflate" | "deflate-raw";
  /** Number of members or frames. */
  readonly parts: number;
  readonly times: number;
  readonly damage: Damage;
  /** Bytes after its end. */
  readonly left: string;
};
export type Framing = {
  readonly kind: "length" | "chunked" | "both" | "bad-chunk";
  /** Difference between the declared and the real length. */
  readonly lie: number;
  readonly chunkBytes: number;
  /** Bytes per write. */
  readonly pieceBytes: number;
  readonly pauseMs: number;
  /** Share of the request that is written. */
  readonly written: number;
  readonly ending: "wait" | "half-close" | "leave";
};

/** In thousandths, because fast-check prefers the ends of a range, and those of doubles are uselessly close to 0. */
const share = fc.integer({ min: 0, max: 1_000 }).map((thousandths) => thousandths / 1_000);
/** Numbers with a logarithmic distribution. */
const count = (most: number) => share.map((of) => Math.floor(most ** of));
const base64 = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString("base64"));
const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
/** Mostly the first value. */
const mostly = <T>(weight: number, usual: fc.Arbitrary<T>, ...others: fc.Arbitrary<T>[]) =>
  fc.oneof({ weight, arbitrary: usual }, ...others.map((arbitrary) => ({ weight: 1, arbitrary })));

const TEN_MB = 11 * 1024 ** 2;
const form = oneOf<Form>("array", "metrics", "lines");

const content: fc.Arbitrary<Content> = fc.oneof(
  fc
    .tuple(
      oneOf(["[", "]"], ['{"a":', "}"], ['[{"":', "}]"], ['{"metrics":[', "]}"]),
      count(TEN_MB / 4),
    )
    .map(([[open = "", close = ""], depth]) => ({ kind: "nested" as const, open, close, depth })),
  fc
    .tuple(
      oneOf(
        "[]",
        "{}",
        "[[]]",
        "0",
        '""',
        "null",
        "-0.0e-0",
        "1e999",
        '{"node_id":"a"}',
        '{"metadata":{"a":[]}}',
      ),
      count(TEN_MB / 3),
      form,
    )
    .map(([value, times, as]) => ({ kind: "many" as const, value, count: times, form: as })),
  fc
    .tuple(oneOf("\n", "\r\n", " ", "\t", "\n ", "\0"), count(TEN_MB))
    .map(([of, times]) => ({ kind: "blank" as const, of, count: times })),
  fc
    .tuple(
      oneOf("a", "é", "\u{1f4e1}", "\\u0000", '\\"', "\\ud800", "\u202e", "9", "\u001b"),
      count(TEN_MB / 2),
      oneOf(
        "node_id",
        "region",
        "timestamp",
        "latency_ms",
        "rtts_ms",
        "error",
        "metadata",
        "unknown",
        "name",
      ),
    )
    .map(([of, times, field]) => ({ kind: "long" as const, of, count: times, field })),
  fc
    .tuple(
      count(10_000),
      form,
      mostly(3, fc.constant<string[]>([]), fc.array(fc.json({ maxDepth: 5 }), { maxLength: 20 })),
    )
    .map(([times, as, others]) => ({ kind: "events" as const, count: times, form: as, others })),
  fc.json({ maxDepth: 8 }).map((text) => ({ kind: "text" as const, text })),
  fc.string({ maxLength: 400 }).map((text) => ({ kind: "text" as const, text })),
  base64(2_000).map((bytes) => ({ kind: "bytes" as const, base64: bytes })),
);

const damage = mostly<Damage>(
  8,
  fc.constant({ kind: "none" as const }),
  oneOf("byte-order-mark" as const, "utf-16" as const).map((kind) => ({ kind })),
  fc.record({ kind: oneOf("cut" as const, "flip" as const), at: share }),
  fc.record({
    kind: fc.constant("insert" as const),
    at: share,
    // Invalid UTF-8: overlong, half of a surrogate pair, beyond the last code point, incomplete.
    base64: fc.oneof(oneOf("wIA=", "7aCA", "9JCAgA==", "4g==", "/w=="), base64(20)),
  }),
);

const packed = oneOf<Encoding["packed"]>("gzip", "br", "zstd", "deflate", "deflate-raw");
const encoding: fc.Arbitrary<Encoding> = fc.oneof(
  fc.constant<Encoding>({
    named: undefined,
    packed: "none",
    parts: 1,
    times: 1,
    damage: { kind: "none" },
    left: "",
  }),
  fc
    .record({
      packed,
      named: mostly(
        6,
        fc.constant<string | undefined>(""),
        oneOf(
          "gzip",
          "br",
          "zstd",
          "deflate",
          "identity",
          "GZIP",
          "x-gzip",
          "gzip, br",
          "compress",
          undefined,
        ),
      ),
      parts: mostly(3, fc.constant(1), count(120)),
      times: mostly(8, fc.constant(1), fc.constant(2)),
      damage,
      left: mostly(8, fc.constant(""), base64(100)),
    })
    .map(truly),
);

/** Returns an encoding with its true name, unless another one was drawn. */
function truly(one: Encoding): Encoding {
  return one.named === "" ? { ...one, named: one.packed.replace("-raw", "") } : one;
}

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
