import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import type { Content, Damage, Encoding, Recipe } from "./recipe.ts";

export type RequestBytes = {
  readonly head: Buffer;
  /** The body as it is written, including chunk headers. */
  readonly body: Buffer;
  /** Size before compression. */
  readonly plainBytes: number;
  readonly packedBytes: number;
};

/** Returns how many bytes of all copies of a request are written: fewer than all if the recipe cuts them. */
export const writtenBytesOf = (
  { copies, framing }: Pick<Recipe, "copies" | "framing">,
  { head, body }: Pick<RequestBytes, "head" | "body">,
): number => Math.ceil((head.length + body.length) * copies * framing.written);

/** Fast compression, because its quality does not matter here. */
const quick = { level: 1 };
const PACK: Record<Encoding["packed"], (plain: Buffer) => Buffer> = {
  none: (plain) => plain,
  gzip: (plain) => gzipSync(plain, quick),
  deflate: (plain) => deflateSync(plain, quick),
  "deflate-raw": (plain) => deflateRawSync(plain, quick),
  br: (plain) => brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  zstd: (plain) => zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
};

/**
 * Returns the bytes of a recipe.
 * @param options.nodeId prefix of the node ids of its valid events
 */
export function bytesOf(
  recipe: Recipe,
  options: { nodeId: string; tokens: Record<Recipe["token"], string | undefined> },
): RequestBytes {
  const { path, framing, content, headers } = recipe;
  const plain = damaged(contentBytes(content, path, options.nodeId), recipe.damage);
  const packed = pack(plain, recipe.encoding);
  const token = options.tokens[recipe.token];
  const declared = Math.max(0, packed.length + framing.lie);
  const hasChunks = framing.kind !== "length";
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: gateway",
    ...field("Content-Type", recipe.type === "" ? typeOf(recipe) : recipe.type),
    ...field("Content-Encoding", recipe.encoding.named),
    ...field("Authorization", token),
    ...(framing.kind === "length" || framing.kind === "both"
      ? [`Content-Length: ${declared}`]
      : []),
    ...(hasChunks ? ["Transfer-Encoding: chunked"] : []),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return {
    head: Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"),
    body: hasChunks ? chunked(packed, framing.chunkBytes, framing.kind === "bad-chunk") : packed,
    plainBytes: plain.length,
    packedBytes: packed.length,
  };
}

const field = (name: string, value: string | undefined): string[] =>
  value === undefined ? [] : [`${name}: ${value}`];

const typeOf = ({ path, content }: Recipe): string =>
  path === "/api/ingest" && "form" in content && content.form === "lines"
    ? "application/x-ndjson"
    : "application/json";

function contentBytes(content: Content, path: Recipe["path"], nodeId: string): Buffer {
  switch (content.kind) {
    case "nested": {
      const { open, close, depth } = content;
      return Buffer.concat([repeated(open, depth), repeated(close, depth)]);
    }
    case "many":
      return inForm(
        repeated(`${content.value}${separatorOf(content.form)}`, content.count),
        content,
      );
    case "blank":
      return repeated(content.of, content.count);
    case "long":
      return longField(content, nodeId);
    case "events": {
      const events = Array.from({ length: content.count }, (_, index) =>
        event(`${nodeId}-${index}`),
      );
      if (path === "/api/push") return Buffer.from(events[0] ?? "");
      const all = [...events, ...content.others];
      return inForm(Buffer.from(`${all.join(separatorOf(content.form))} `), content);
    }
    case "text":
      return Buffer.from(content.text);
    case "bytes":
      return Buffer.from(content.base64, "base64");
  }
}

const separatorOf = (form: string) => (form === "lines" ? "\n" : ",");

/** Replaces the last separator by the end of the list. */
function inForm(values: Buffer, { form }: { form: string }): Buffer {
  if (form === "lines") return values;
  const inside = values.subarray(0, Math.max(0, values.length - 1));
  const [before, after] = form === "array" ? ["[", "]"] : ['{"metrics":[', "]}"];
  return Buffer.concat([Buffer.from(before), inside, Buffer.from(after)]);
}

const repeated = (text: string, times: number): Buffer =>
  times === 0 ? Buffer.alloc(0) : Buffer.alloc(Buffer.byteLength(text) * times, text);

export const event = (nodeId: string, more: object = {}): string =>
  JSON.stringify({
    node_id: nodeId,
    country: "GH",
    region: "Greater Accra",
    latency_ms: 42.75,
    uptime_pct: 99.9,
    packet_loss: 0.5,
    timestamp: new Date().toISOString(),
    target_host: "one.example.net",
    ...more,
  });

function longField(content: Extract<Content, { kind: "long" }>, nodeId: string): Buffer {
  const { of, count, field: name } = content;
  const value = longValue(content);
  const isName = name === "name";
  const inside = Buffer.concat([
    isName ? quoted(repeated(of, count)) : Buffer.from(JSON.stringify(name)),
    Buffer.from(":"),
    isName ? Buffer.from("0") : name === "metadata" ? wrapped('{"a":', value, "}") : value,
  ]);
  const [, rest = ""] = event(`${nodeId}-0`).split("{");
  return wrapped(
    "[{",
    Buffer.concat([Buffer.from(rest.slice(0, -1)), Buffer.from(","), inside]),
    "}]",
  );
}

function longValue(content: Extract<Content, { kind: "long" }>): Buffer {
  const { field: name, of, count } = content;
  if (name === "latency_ms") return repeated("9", count + 1);
  if (name === "rtts_ms") return wrapped("[", repeated("9,", count), "9]");
  return quoted(repeated(of, count));
}

const quoted = (text: Buffer): Buffer => wrapped('"', text, '"');
const wrapped = (before: string, inside: Buffer, after: string): Buffer =>
  Buffer.concat([Buffer.from(before), inside, Buffer.from(after)]);

function damaged(bytes: Buffer, damage: Damage): Buffer {
  switch (damage.kind) {
    case "none":
      return bytes;
    case "byte-order-mark":
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    case "utf-16":
      return Buffer.concat([
        Buffer.from([0xff, 0xfe]),
        Buffer.from(bytes.toString("latin1"), "utf16le"),
      ]);
    case "cut":
      return bytes.subarray(0, offsetIn(bytes, damage.at));
    case "flip": {
      if (bytes.length === 0) return bytes;
      const flipped = Buffer.from(bytes);
      const place = offsetIn(bytes, damage.at);
      flipped.fill((flipped[place] ?? 0) ^ 0x20, place, place + 1);
      return flipped;
    }
    case "insert": {
      const place = offsetIn(bytes, damage.at);
      const inserted = Buffer.from(damage.base64, "base64");
      return Buffer.concat([bytes.subarray(0, place), inserted, bytes.subarray(place)]);
    }
  }
}

const offsetIn = (bytes: Buffer, share: number) =>
  Math.min(Math.floor(bytes.length * share), Math.max(0, bytes.length - 1));

function pack(plain: Buffer, encoding: Encoding): Buffer {
  let packed = plain;
  for (let time = 0; time < encoding.times; time++) {
    const bytesOfPart = Math.max(1, Math.ceil(packed.length / encoding.parts));
    const parts: Buffer[] = [];
    for (let at = 0; at < packed.length || at === 0; at += bytesOfPart) {
      parts.push(PACK[encoding.packed](packed.subarray(at, at + bytesOfPart)));
    }
    packed = Buffer.concat(parts);
  }
  return Buffer.concat([damaged(packed, encoding.damage), Buffer.from(encoding.left, "base64")]);
}

/** @param isBroken whether a chunk in the middle has a wrong size */
function chunked(body: Buffer, chunkBytes: number, isBroken: boolean): Buffer {
  // A chunk of one byte needs six bytes: limits the number of chunks by making them larger.
  const size = Math.max(chunkBytes, Math.ceil(body.length / 400_000));
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    const said = isBroken && at >= body.length / 2 ? "-1;=" : piece.length.toString(16);
    pieces.push(Buffer.from(`${said}\r\n`), piece, Buffer.from("\r\n"));
  }
  return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
}
