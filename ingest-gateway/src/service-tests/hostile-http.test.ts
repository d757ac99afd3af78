import { once } from "node:events";
import type { Socket } from "node:net";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";
import { startTestIntake, type TestIntake } from "../testing/intake-fixture.ts";

let intake: TestIntake;
afterEach(() => intake.close());

const event = JSON.stringify(exampleEvent());
const HEAD = "POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const until = async (fact: () => boolean) => {
  while (!fact()) await new Promise(setImmediate);
};

describe("hostile requests", () => {
  it.each([
    [
      "two lengths",
      `${HEAD}Content-Length: ${event.length}\r\nContent-Length: 5\r\n\r\n${event}`,
      400,
    ],
    [
      "a length and chunks",
      `${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["an unknown transfer encoding", `${HEAD}Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n`, 400],
    ["a space before the colon", `${HEAD}Content-Length : 5\r\n\r\n12345`, 400],
    ["a negative length", `${HEAD}Content-Length: -1\r\n\r\n`, 400],
    ["a folded header", `${HEAD}X-Long: a\r\n b\r\nContent-Length: 0\r\n\r\n`, 400],
    ["a bare line feed", "POST /api/push HTTP/1.1\nHost: x\n\n", 400],
    ["no host", "POST /api/push HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400],
    ["a chunk that is no number", `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
    ["100,000 headers", `${HEAD}${"a: b\r\n".repeat(100_000)}\r\n`, 431],
  ])("have only one interpretation: %s", async (_what, bytes, status) => {
    intake = await startTestIntake();
    expect(await intake.raw(bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(intake.produced).toEqual([]);
    expect(intake.usedBytes()).toBe(0);
  });

  it.each([
    ["gzip", gzipSync(Buffer.alloc(64 * 1_024 * 1_024))],
    ["zstd", zstdCompressSync(Buffer.alloc(512 * 1_024 * 1_024))],
  ])("cannot decompress to more than the limit: %s", async (encoding, bomb) => {
    intake = await startTestIntake();
    const before = process.memoryUsage().rss;
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        intake.post("/api/ingest", bomb, { "content-encoding": encoding }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([413, 413, 413, 413]);
    expect(intake.usedBytes()).toBe(0);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1_024 * 1_024);
  });

  it.each([
    ["levels without end", "[", "json", 400, "TOO_DEEP"],
    ["empty lists", "[],", "json", 413, "PAYLOAD_TOO_LARGE"],
    ["empty objects", "{},", "json", 413, "PAYLOAD_TOO_LARGE"],
    ["blank lines", "\n", "x-ndjson", 413, "PAYLOAD_TOO_LARGE"],
    ["an event without end", "x", "json", 413, "PAYLOAD_TOO_LARGE"],
  ])(
    "are refused before they are unpacked to their end: %s",
    async (_what, text, type, status, code) => {
      intake = await startTestIntake();
      const bomb = gzipSync(`["${text}"],[${text.repeat((10 * 1_024 * 1_024) / text.length)}`);
      // Unpacked to its end it would be BAD_ENCODING.
      const part = bomb.subarray(0, bomb.length - 100);
      const head = `POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/${type}\r\nContent-Encoding: gzip\r\n`;
      const socket = intake.connect();
      socket.write(`${head}Content-Length: ${part.length}\r\n\r\n`);
      socket.write(part);
      const [answer] = (await once(socket, "data")) as [Buffer];
      expect(answer.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} .*"code":"${code}"`, "s"));
      socket.destroy();
    },
  );

  it("are refused if their compressed body is larger than the limit after decompression", async () => {
    intake = await startTestIntake();
    const nothing = gzipSync("");
    const socket = intake.connect().on("error", () => undefined);
    socket.write(`${HEAD}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const some = Buffer.concat(Array.from({ length: 100 }, () => nothing));
    for (let sent = 0; sent < 3; sent++) {
      socket.write(`${some.length.toString(16)}\r\n`);
      socket.write(some);
      socket.write("\r\n");
    }
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });

  it("use no more memory than their share while 1,000 of them send and never end", async () => {
    const environment = { IN_FLIGHT_MAX_BYTES: "100000", BODY_MIN_BYTES_PER_SECOND: "0" };
    intake = await startTestIntake({ environment });
    const answered = new Set<Socket>();
    const sockets = Array.from({ length: 1_000 }, () => {
      const socket = intake.connect();
      socket.on("data", () => answered.add(socket)).on("error", () => undefined);
      socket.write(`${HEAD}Content-Length: 1000\r\n\r\n${"x".repeat(500)}`);
      return socket;
    });
    await until(() => answered.size === 850);
    expect(intake.usedBytes()).toBe(75_000);
    for (const socket of sockets) socket.destroy();
    await until(() => intake.usedBytes() === 0);
    expect((await intake.post("/api/push", event)).status).toBe(202);
  });

  it("are refused at once, however many wait, while Kafka is unavailable", async () => {
    intake = await startTestIntake({ isKafkaUp: false });
    const sentAt = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const socket = intake.connect();
        let received = "";
        socket.setEncoding("utf8").on("data", (text: string) => (received += text));
        socket.write(`${HEAD}Connection: close\r\nContent-Length: ${event.length}\r\n\r\n${event}`);
        await once(socket, "close");
        return received.slice(0, 12);
      }),
    );
    expect(new Set(statuses)).toEqual(new Set(["HTTP/1.1 503"]));
    expect(performance.now() - sentAt).toBeLessThan(10_000);
  });
});
