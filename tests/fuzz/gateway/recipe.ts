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
export type Form = "array" | "metrics" | "lines";
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
