import fc from "fast-check";
import { base64, count, mostly, oneOf, share } from "./random-values.ts";
import type { Content, Damage, Encoding, Form } from "./recipe.ts";

const TEN_MB = 11 * 1024 ** 2;
export const form = oneOf<Form>("array", "metrics", "lines");

export const content: fc.Arbitrary<Content> = fc.oneof(
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

export const damage = mostly<Damage>(
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
export const encoding: fc.Arbitrary<Encoding> = fc.oneof(
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
