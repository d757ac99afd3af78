import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { freePorts } from "@fiberstream/testkit/free-ports";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { createConnectionWatch } from "./connection-watch.ts";

describe("a connection from the port of a connection that was reset", () => {
  it("is watched, although it arrives before the other is closed", async () => {
    const watch = createConnectionWatch({ maxConnections: 10, idleMaxMs: 1, answerMaxMs: 1 });
    const served: Socket[] = [];
    const server = createServer((socket) => {
      watch.opened(socket);
      served.push(socket.resume().on("error", () => undefined));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    // Not one that the system gives to another process's connection meanwhile.
    const [localPort = 0] = await freePorts(1);
    const open = async () => {
      const options = { port, host: "127.0.0.1", localPort };
      const socket = connect(options).on("error", () => undefined);
      await once(socket, "connect");
      return socket.resume();
    };
    try {
      const first = await open();
      while (served.length < 1) await new Promise(setImmediate);
      first.resetAndDestroy();
      const second = await open();
      expect(second.localPort).toBe(localPort);
      while (served.length < 2) await new Promise(setImmediate);
      // Nothing is sent, so only the watch can close it.
      await once(second, "close");
    } finally {
      for (const socket of served) socket.destroy();
      watch.end();
      server.close();
    }
  });
});

describe("at the maximum number of connections", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  let port = 0;

  const connectionFrom = (remoteAddress: string) => {
    const events = new EventEmitter();
    const connection = {
      remoteAddress,
      remotePort: port++,
      localAddress: "192.0.2.1",
      localPort: 8080,
      destroyed: false,
      destroy: () => {
        connection.destroyed = true;
        events.emit("close");
      },
      once: events.once.bind(events),
    };
    return connection;
  };
  const watchOf = (maxConnections: number) =>
    createConnectionWatch({ maxConnections, idleMaxMs: 60_000, answerMaxMs: 60_000 });
  const openAll = (watch: ReturnType<typeof watchOf>, addresses: readonly string[]) =>
    addresses.map((address) => {
      const connection = connectionFrom(address);
      expect(watch.opened(connection)).toBe(true);
      return connection;
    });
  const served = { closed: false, writableEnded: false } as ServerResponse;

  it("the watch closes idle connections, of the address that has most of them", () => {
    const watch = watchOf(8);
    const busy = openAll(watch, Array<string>(5).fill("198.51.100.1"));
    const waiting = openAll(watch, ["198.51.100.2", "198.51.100.3", "198.51.100.3"]);
    for (const connection of busy) watch.begun(connection, served);
    jest.advanceTimersByTime(2_000);
    expect(watch.opened(connectionFrom("198.51.100.4"))).toBe(true);
    expect(busy.some(({ destroyed }) => destroyed)).toBe(false);
    expect(waiting.map(({ destroyed }) => destroyed)).toEqual([false, true, false]);
    watch.end();
  });

  it("the watch counts the addresses of a /64 as one sender", () => {
    const watch = watchOf(5);
    const honest = openAll(watch, ["2001:db8:1::1", "2001:db8:1::1"]);
    const many = openAll(watch, ["2001:db8:2::1", "2001:db8:2::2", "2001:db8:2:0:ff::3"]);
    jest.advanceTimersByTime(2_000);
    expect(watch.opened(connectionFrom("2001:db8:3::1"))).toBe(true);
    expect(honest.some(({ destroyed }) => destroyed)).toBe(false);
    expect(many.filter(({ destroyed }) => destroyed)).toHaveLength(1);
    watch.end();
  });

  it("the watch searches once until something may have changed, not for each further connection", () => {
    const watch = watchOf(1_000);
    let searched = 0;
    const response = {
      get closed() {
        searched++;
        return false;
      },
      writableEnded: false,
    } as ServerResponse;
    const all = openAll(watch, Array<string>(1_000).fill("198.51.100.1"));
    for (const connection of all) watch.begun(connection, response);
    jest.advanceTimersByTime(2_000);
    searched = 0;
    for (let at = 0; at < 100; at++) {
      expect(watch.opened(connectionFrom("198.51.100.2"))).toBe(false);
    }
    expect(searched).toBeLessThanOrEqual(1_000);
    all[0]?.destroy();
    expect(watch.opened(connectionFrom("198.51.100.2"))).toBe(true);
    expect(watch.opened(connectionFrom("198.51.100.2"))).toBe(false);
    jest.advanceTimersByTime(3_000);
    // The one that came has waited by now.
    expect(watch.opened(connectionFrom("198.51.100.2"))).toBe(true);
    watch.end();
  });
});
