import { randomBytes, randomUUID } from "node:crypto";
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

/** The plan of the attackers' process, as JSON. */
export type AttackPlan = {
  readonly host: string;
  readonly port: number;
  /** Token of a key with a rate limit that is never reached. */
  readonly token: string;
  /** Token of a key with one event per second. */
  readonly poorToken: string;
  /** Name of the only attack; undefined: all. */
  readonly only: string | undefined;
};

/** One kind of attack. */
export type Attack = {
  readonly name: string;
  readonly connections: number;
  /** Returns the next request of a connection. */
  readonly next: () => Buffer;
};

const MB = 1024 ** 2;
const UNPACKED_BYTES = 10 * MB;

/** Returns all attacks, which run at the same time. */
export function attacksBy(plan: AttackPlan): Attack[] {
  const { token, poorToken } = plan;
  const bombs = bombRequests(token);
  let bomb = 0;
  const chunks = oneByteChunks(token);
  const brotli = pausedBrotli(token);
  const idle = request("/api/ingest", { token, length: UNPACKED_BYTES, body: Buffer.from("[") });
  const rubbish = request("/api/ingest", { token: poorToken, body: Buffer.alloc(MB, "x") });
  return [
    { name: "bombs", connections: 4, next: () => bombs[bomb++ % bombs.length] ?? idle },
    { name: "one-byte chunks", connections: 4, next: () => chunks },
    { name: "paused brotli", connections: 200, next: () => brotli },
    { name: "announced, not sent", connections: 200, next: () => idle },
    { name: "invented keys", connections: 16, next: () => push(inventedToken()) },
    { name: "rubbish past a quota", connections: 4, next: () => rubbish },
    { name: "new batch ids", connections: 4, next: () => batch(token) },
    { name: "idle connections", connections: 2_000, next: () => Buffer.alloc(0) },
    { name: "traceparents", connections: 8, next: () => push(token, [traceparent()]) },
  ];
}

function request(
  path: string,
  parts: { token: string; body: Buffer; length?: number; headers?: readonly string[] },
): Buffer {
  const { token, body, length = body.length, headers = [] } = parts;
  const isChunked = headers.some((header) => header.startsWith("Transfer-Encoding"));
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: bench",
    `Authorization: Bearer ${token}`,
    ...(isChunked ? [] : [`Content-Length: ${length}`]),
    ...(headers.some((header) => header.startsWith("Content-Type"))
      ? []
      : ["Content-Type: application/json"]),
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

/** Returns decompression bombs of 10 MB, each content in each encoding. */
function bombRequests(token: string): Buffer[] {
  const contents = ["[", "[],", "{},", '{"a":', "\n"].map((text) =>
    Buffer.alloc(UNPACKED_BYTES, text),
  );
  const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
  return contents.flatMap((content) => {
    const type = content[0] === 0x0a ? ["Content-Type: application/x-ndjson"] : [];
    const listed = content[0] === 0x5b ? content : Buffer.concat([Buffer.from("["), content]);
    return [
      ["gzip", gzipSync(listed)] as const,
      ["br", brotliCompressSync(listed, brotli)] as const,
      ["zstd", zstdCompressSync(listed)] as const,
      ["deflate", deflateSync(listed)] as const,
    ].map(([encoding, body]) =>
      request("/api/ingest", { token, body, headers: [`Content-Encoding: ${encoding}`, ...type] }),
    );
  });
}

function oneByteChunks(token: string): Buffer {
  const body = Buffer.from(`1\r\n[\r\n${"1\r\n \r\n".repeat(350 * 1024)}0\r\n\r\n`);
  return request("/api/ingest", { token, body, headers: ["Transfer-Encoding: chunked"] });
}

/** Returns a request whose compressed end is missing, so that the decoder has to wait. */
function pausedBrotli(token: string): Buffer {
  const packed = brotliCompressSync(randomBytes(64 * 1024).toString("base64"));
  const body = packed.subarray(0, 1_500);
  const headers = ["Content-Encoding: br"];
  return request("/api/ingest", { token, body, length: packed.length, headers });
}

const inventedToken = () =>
  `fs_${randomBytes(12).toString("hex")}_${randomBytes(32).toString("base64url")}`;

const event = () => ({
  node_id: `hostile-${randomUUID()}`,
  country: "GH",
  region: "Greater Accra",
  latency_ms: 42.75,
  uptime_pct: 99.9,
  packet_loss: 0.5,
  timestamp: new Date().toISOString(),
});

const push = (token: string, headers: readonly string[] = []): Buffer =>
  request("/api/push", { token, body: Buffer.from(JSON.stringify(event())), headers });

function batch(token: string): Buffer {
  const body = Buffer.from(JSON.stringify([event(), event()]));
  return request("/api/ingest", { token, body, headers: [`X-Batch-ID: ${randomUUID()}`] });
}

const traceparent = () =>
  `traceparent: 00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`;
