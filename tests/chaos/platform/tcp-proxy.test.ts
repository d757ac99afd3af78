import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

let proxy: TcpProxy;
let proxyPort: number;
let echo: ReturnType<typeof createServer>;
const sockets = new Set<Socket>();

beforeEach(async () => {
  const [port = 0, to = 0] = await freePorts(2);
  proxyPort = port;
  echo = createServer(
    { allowHalfOpen: true },
    (socket) => void socket.on("error", () => undefined).pipe(socket),
  );
  echo.listen(to, "127.0.0.1");
  await once(echo, "listening");
  proxy = await startTcpProxy({ port, to });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await proxy.close();
  echo.close();
});

function dial() {
  const socket = connect({ port: proxyPort, host: "127.0.0.1" });
  sockets.add(socket);
  const seen = { text: "", error: "" };
  socket.setEncoding("utf8").on("data", (text: string) => (seen.text += text));
  socket.on("error", (error: NodeJS.ErrnoException) => (seen.error = error.code ?? ""));
  return { socket, seen };
}

describe("a TCP proxy", () => {
  it("forwards in both directions, and the end of a connection", async () => {
    const { socket, seen } = dial();
    const large = "x".repeat(1_000_000);
    socket.end(large);
    await once(socket, "close");
    expect(seen.text.length).toBe(large.length);
  });

  it("resets connections when the link is cut, also new ones", async () => {
    const { socket, seen } = dial();
    socket.write("a");
    await until(() => seen.text === "a", { what: "the echo arrived" });
    proxy.set({ kind: "cut" });
    await until(() => seen.error === "ECONNRESET", { what: "the connection was reset" });
    const second = dial();
    await until(() => second.seen.error === "ECONNRESET", { what: "a new one was reset" });
  });

  it("delays everything while stalled, and delivers it afterwards", async () => {
    const { socket, seen } = dial();
    proxy.set({ kind: "stalled" });
    socket.write("late");
    const witness = dial();
    witness.socket.write("later");
    await once(witness.socket, "connect");
    expect(seen.text).toBe("");
    proxy.set({ kind: "open" });
    await until(() => seen.text === "late" && witness.seen.text === "later", {
      what: "the delayed data arrived",
    });
  });

  it("drops everything while half-open, and resets afterwards", async () => {
    const { socket, seen } = dial();
    proxy.set({ kind: "half-open" });
    socket.write("gone");
    await once(socket, "connect");
    proxy.set({ kind: "open" });
    await until(() => seen.error === "ECONNRESET", { what: "the connection was reset" });
    expect(seen.text).toBe("");
  });

  it("forwards requests and drops answers while unanswered, and resets afterwards", async () => {
    const { socket, seen } = dial();
    const arrived = once(echo, "connection").then(([peer]) => once(peer as Socket, "data"));
    proxy.set({ kind: "unanswered" });
    socket.write("asked");
    expect(String((await arrived)[0])).toBe("asked");
    proxy.set({ kind: "open" });
    await until(() => seen.error === "ECONNRESET", { what: "the connection was reset" });
    expect(seen.text).toBe("");
  });

  it("delays and throttles", async () => {
    const { socket, seen } = dial();
    proxy.set({ kind: "slow", delayMs: 100, bytesPerSecond: 50_000 });
    const startMs = performance.now();
    socket.write("x".repeat(20_000));
    await until(() => seen.text.length === 20_000, { what: "all data arrived" });
    // 200 ms of latency in both directions together, and 20 KB at 50 KB/s.
    expect(performance.now() - startMs).toBeGreaterThan(500);
  });
});
