import { pbkdf2, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { Authenticate } from "../auth/authenticate.ts";
import { Refusal } from "../answers/refusal.ts";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await intake.close();
});

const event = JSON.stringify(exampleEvent());
const KB = 1_024;
const MB = 1_024 * KB;
const SLOWLY = { BODY_MIN_BYTES_PER_SECOND: "0" };
const byKey: Authenticate = ({ headers }) => ({
  id: String(headers["x-key"] ?? "honest"),
  tenant: "default",
});
const head = (key: string, ...more: string[]) =>
  [
    "POST /api/ingest HTTP/1.1",
    "Host: x",
    "Content-Type: application/json",
    `X-Key: ${key}`,
    ...more,
    "",
    "",
  ].join("\r\n");
const until = async (fact: () => boolean) => {
  while (!fact()) await new Promise(setImmediate);
};
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const heapBytes = () => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};
/** What the tests before have left is gone once there is no more than this. */
const quietBytes = heapBytes() + 8 * MB;
const heldBytes = () => heapBytes() + process.memoryUsage().external;
/** A connection that has sent some bytes, and how many have had an answer. */
const sendOn = (...bytes: (string | Uint8Array)[]) => {
  const socket = intake.connect().on("error", () => undefined);
  sockets.push(socket);
  for (const some of bytes) socket.write(some);
  return socket;
};

describe("the gateway's memory", () => {
  it("is not used by bodies that are announced and do not arrive", async () => {
    intake = await startTestIntake({ authenticate: byKey, environment: SLOWLY });
    for (let count = 0; count < 20; count++) {
      sendOn(head("hostile", `Content-Length: ${10 * MB}`), "[");
    }
    await until(() => intake.usedBytes() >= 20);
    expect(intake.usedBytes()).toBe(20);
    const batch = `[${Array(5_000).fill(event).join(",")}]`;
    expect((await intake.post("/api/ingest", batch)).status).toBe(202);
  });

  it("is not used by decoders while bodies pause: a decoder starts when the whole body is there", async () => {
    intake = await startTestIntake({ authenticate: byKey, environment: SLOWLY });
    const packed = brotliCompressSync(`[${Array(1_000).fill(event).join(",")}]`);
    const part = packed.subarray(0, packed.length - 10);
    const hostile = head("hostile", `Content-Length: ${packed.length}`, "Content-Encoding: br");
    const many = 200;
    for (let count = 0; count < many; count++) sendOn(hostile, part);
    await until(() => intake.usedBytes() >= many * part.length);
    expect(intake.usedBytes()).toBeLessThanOrEqual(many * packed.length);
    const batch = `[${Array(5_000).fill(event).join(",")}]`;
    expect((await intake.post("/api/ingest", batch)).status).toBe(202);
  });

  it("stays available for others if a single sender has filled it", async () => {
    intake = await startTestIntake({ authenticate: byKey, environment: SLOWLY });
    let refused = 0;
    const fill = (bytes: number) =>
      sendOn(head("hostile", `Content-Length: ${bytes}`), `[${" ".repeat(bytes - 2)}`).once(
        "data",
        () => refused++,
      );
    for (let count = 0; count < 4; count++) fill(10 * MB);
    await until(() => intake.usedBytes() >= 39 * MB);
    for (let count = 0; count < 60; count++) fill(MB / 2);
    await until(() => refused > 0);
    const batch = `[${Array(5_000).fill(event).join(",")}]`;
    expect((await intake.post("/api/ingest", batch)).status).toBe(202);
  });

  it.each<[string, string, string, string, number]>([
    ["events", "application/json", "[", "0,", 60],
    ["lists", "application/json", "{", '"":[],', 10],
    ["lines", "application/x-ndjson", "", "0\n", 60],
  ])("is used by the bookkeeping of a body's many %s", async (_what, type, begin, one, bodies) => {
    intake = await startTestIntake({ environment: SLOWLY });
    await until(() => heapBytes() <= quietBytes);
    const before = heapBytes();
    const body = begin + one.repeat(9_000);
    const hostile = head("hostile", `Content-Length: ${body.length + 1}`).replace(
      "application/json",
      type,
    );
    for (let count = 0; count < bodies; count++) sendOn(hostile, body);
    await until(() => intake.usedBytes() >= bodies * body.length);
    expect(intake.usedBytes()).toBeGreaterThan(heapBytes() - before - MB);
  });

  it("is counted for a body in small chunks as what it really uses", async () => {
    intake = await startTestIntake({ environment: SLOWLY });
    const bytes = 350 * KB;
    const socket = sendOn(head("hostile", "Transfer-Encoding: chunked"), "1\r\n[\r\n");
    await until(() => intake.usedBytes() > 0);
    const before = heldBytes();
    const some = `80\r\n${" ".repeat(128)}\r\n`.repeat(8);
    for (let sent = 0; sent < bytes; sent += KB) {
      if (!socket.write(some)) await once(socket, "drain");
    }
    await until(() => intake.usedBytes() > bytes);
    expect(intake.usedBytes()).toBeLessThan(2.1 * bytes);
    expect(heldBytes() - before).toBeLessThan(4 * MB);
  });

  it("is not used by a body in chunks of a byte, which is refused and not read further", async () => {
    intake = await startTestIntake({ environment: SLOWLY });
    const socket = sendOn(head("hostile", "Transfer-Encoding: chunked"), "1\r\n \r\n".repeat(KB));
    let answer = "";
    socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
    await once(socket, "close");
    expect(answer).toMatch(
      /^HTTP\/1.1 413 [^]*Connection: close[^]*its chunks must have at least 64 bytes/,
    );
    await until(() => intake.usedBytes() === 0);
  });

  it("is not read further than one read of the connection when its chunks are too small", async () => {
    let gateways: Socket | undefined;
    intake = await startTestIntake({
      environment: SLOWLY,
      authenticate: async (request) => {
        gateways = request.socket;
        // A key is looked up: meanwhile the body arrives.
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
        return byKey(request);
      },
    });
    const socket = sendOn(
      head("hostile", "Transfer-Encoding: chunked"),
      "1\r\n \r\n".repeat(350 * KB),
    );
    // Its connection may be reset, which rejects `once`.
    await new Promise((resolve) => socket.once("close", resolve));
    expect(gateways?.bytesRead).toBeLessThan(200 * KB);
  });
});

describe("a large answer that its sender does not read", () => {
  it("holds room until its connection is closed", async () => {
    let gateways: Socket | undefined;
    intake = await startTestIntake({
      authenticate: (request) => {
        gateways = request.socket;
        return { id: "hostile", tenant: "default" };
      },
    });
    const body = "[0,".concat("0,".repeat(9_000), event, "]");
    const one = head("hostile", `Content-Length: ${body.length}`) + body;
    const socket = sendOn().pause();
    // As many as fill what the kernel keeps for the connection.
    let isStuck = false;
    while (!isStuck) {
      socket.write(one);
      await new Promise(setImmediate);
      isStuck = (gateways?.writableLength ?? 0) > 100 * KB;
    }
    const headersBytes = KB;
    expect(intake.usedBytes()).toBeGreaterThan(
      (gateways?.writableLength ?? Infinity) - headersBytes,
    );
    socket.destroy();
    await until(() => intake.usedBytes() === 0);
  });

  it("is replaced by a short one where there is no room for it", async () => {
    const body = "0\n".repeat(1_000);
    intake = await startTestIntake({ environment: { IN_FLIGHT_MAX_BYTES: String(40 * KB) } });
    const response = await intake.post("/api/ingest", body, {
      "content-type": "application/x-ndjson",
    });
    expect([response.status, await response.json()]).toMatchObject([503, { code: "OVERLOADED" }]);
    expect(intake.usedBytes()).toBe(0);
  });
});

describe("a body of many small frames", () => {
  it("does not wait for the thread pool with each of them", async () => {
    intake = await startTestIntake();
    const over = new AbortController();
    let ended = 0;
    // Keeps the thread pool busy, with as many waiting as it has threads.
    const busy = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        await promisify(pbkdf2)("", "", 500, 32, "sha256");
        ended++;
      }
    });
    const frames = 100;
    const body = Buffer.concat(Array<Buffer>(frames).fill(zstdCompressSync(`${event}\n`)));
    const response = await intake.post("/api/ingest", body, {
      "content-type": "application/x-ndjson",
      "content-encoding": "zstd",
    });
    expect(response.status).toBe(202);
    expect(intake.produced).toHaveLength(frames);
    expect(ended).toBeLessThan(frames);
    over.abort();
    await Promise.all(busy);
  });
});

describe("the rest of a chunked body", () => {
  const refuse: Authenticate = () => {
    throw new Refusal("MISSING_TOKEN", "no token");
  };
  /** More than the kernel takes for a process that does not read. */
  const MANY = 40 * MB;
  const chunks = "1\r\n \r\n".repeat(64 * KB);

  it.each([
    ["401", refuse],
    ["413", byKey],
  ])("is not read once its request is refused with %s", async (status, authenticate) => {
    intake = await startTestIntake({ authenticate, environment: SLOWLY });
    const socket = sendOn(head("hostile", "Transfer-Encoding: chunked"));
    let answer = "";
    socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
    let sent = 0;
    const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
    while (!socket.destroyed && sent < MANY) {
      sent += chunks.length;
      if (!socket.write(chunks)) {
        await Promise.race([new Promise((resolve) => void socket.once("drain", resolve)), closed]);
      }
    }
    expect(sent).toBeLessThan(MANY);
    await closed;
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.match(/^Connection: .*$/gm)).toEqual(["Connection: close"]);
  });
});

describe("a body in chunks of a byte closes its connection", () => {
  /** Less than the 30 s after which any connection is closed whose request does not end. */
  const SOON_MS = 10_000;
  const inChunksOfOneByte = (bytes: Buffer) =>
    Buffer.concat([...bytes].map((byte) => Buffer.from([0x31, 13, 10, byte, 13, 10])));
  const chunks = inChunksOfOneByte(Buffer.alloc(2_000, " "));
  const answerTo = async (...bytes: (string | Uint8Array)[]) => {
    const socket = sendOn(...bytes);
    let answer = "";
    socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
    // The rest of what it sends may have the end come as a reset.
    await new Promise((resolve) => socket.once("close", resolve));
    return answer;
  };

  it(
    "also while it is decompressed",
    async () => {
      intake = await startTestIntake({ environment: SLOWLY });
      const packed = gzipSync(JSON.stringify([randomBytes(2 * KB).toString("hex")]));
      const hostile = head("hostile", "Transfer-Encoding: chunked", "Content-Encoding: gzip");
      const answer = await answerTo(hostile, inChunksOfOneByte(packed.subarray(0, 1_500)));
      expect(answer).toMatch(/^HTTP\/1.1 413 [^]*its chunks must have at least 64 bytes/);
    },
    SOON_MS,
  );

  it(
    "while its request waits for the one before",
    async () => {
      let begun = 0;
      intake = await startTestIntake({ produce: () => (begun++, new Promise(() => undefined)) });
      const first = head("hostile", `Content-Length: ${event.length + 2}`) + `[${event}]`;
      const some = chunks.subarray(0, 100 * 6);
      const answer = await answerTo(first, head("hostile", "Transfer-Encoding: chunked"), some);
      expect([begun, answer]).toEqual([1, ""]);
    },
    SOON_MS,
  );
});

describe("concurrent requests", () => {
  const startWaiting = async (environment: Record<string, string>) => {
    let waiting = 0;
    intake = await startTestIntake({
      authenticate: byKey,
      environment,
      produce: () => (waiting++, new Promise(() => undefined)),
    });
    for (const key of ["busy", "busy"]) {
      sendOn(head(key, `Content-Length: ${event.length + 2}`), `[${event}]`);
    }
    await until(() => waiting === 2);
    return () => waiting;
  };
  const post = (key: string) => intake.post("/api/push", event, { "x-key": key });

  it("are bounded for each key", async () => {
    const waiting = await startWaiting({ MAX_REQUESTS_PER_KEY: "2" });
    const response = await post("busy");
    expect(await response.json()).toMatchObject({ status: 429, code: "RATE_LIMITED" });
    expect(response.headers.get("retry-after")).not.toBeNull();
    sendOn(head("other", `Content-Length: ${event.length + 2}`), `[${event}]`);
    await until(() => waiting() === 3);
  });

  it("are bounded for each address, before authentication", async () => {
    await startWaiting({ MAX_REQUESTS_PER_ADDRESS: "2" });
    const response = await post("other");
    expect(await response.json()).toMatchObject({
      code: "RATE_LIMITED",
      detail: expect.stringContaining("address"),
    });
    for (const socket of sockets.splice(0)) socket.destroy();
  });
});
