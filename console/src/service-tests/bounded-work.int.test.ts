import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  insertEvents,
  insertNode,
  metricOf,
  readerHeaders,
  refreshRollUps,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";

let life: Life;
beforeAll(() => {
  life = createLife();
});
afterAll(() => life.stop());

const problemOf = async (answer: Response) => [answer.status, await answer.json()];

describe("the memory of answers", () => {
  const ANSWER_BYTES = 16_000_000;
  let running: TestConsole;
  beforeAll(async () => {
    running = await startTestConsole(life, {
      ANSWERS_MAX_BYTES: "24000000",
      ANSWER_MAX_BYTES: "20000000",
    });
    await insertEvents(running.pool, { node: "large", count: 1_000 });
    await running.pool.query(
      "UPDATE metrics SET metadata = jsonb_build_object('text', repeat('x', $1))",
      [ANSWER_BYTES / 1_000],
    );
  });
  const path = "/api/v1/events?node=large&limit=1000";
  const held = () => metricOf(running, "fiberstream_console_answer_bytes");

  it("is bounded while an asker does not read, and free when it has left", async () => {
    const { hostname, port } = new URL(running.service.url);
    const asker = connect(Number(port), hostname).on("error", () => undefined);
    asker.pause().write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await until(async () => (await held()) > ANSWER_BYTES, { what: "the answer is not received" });
    const refused = await running.ask(`${path}&from=-3d`);
    expect(await problemOf(refused)).toMatchObject([
      503,
      { code: "OVERLOADED", detail: expect.stringContaining("24000000 bytes") },
    ]);
    expect(
      await metricOf(running, 'fiberstream_console_memory_refusals_total{memory_limit="all"}'),
    ).toBe(1);
    asker.destroy();
    await until(async () => (await held()) === 0, { what: "the memory is free" });
    expect((await (await running.ask(path)).text()).length).toBeGreaterThan(ANSWER_BYTES);
    await until(async () => (await held()) === 0, { what: "the memory is free again" });
  });

  it("is bounded for one answer, before all of it was read", async () => {
    await running.pool.query(
      "UPDATE metrics SET metadata = jsonb_build_object('text', repeat('x', 40000))",
    );
    expect(await problemOf(await running.ask(path))).toMatchObject([
      422,
      { code: "ANSWER_TOO_LARGE", detail: expect.stringContaining("20000000 bytes") },
    ]);
    await until(async () => (await held()) === 0, { what: "the memory is free" });
    expect((await running.ask("/api/v1/events?node=large&limit=10")).status).toBe(200);
  });
});

describe("a question that would read too much", () => {
  let running: TestConsole;
  beforeAll(async () => {
    running = await startTestConsole(life, { QUERY_TIMEOUT_MS: "20000" });
    for (let node = 0; node < 30; node++) {
      await insertEvents(running.pool, { node: `n-${node}`, count: 1 });
    }
    await refreshRollUps(running.pool);
  });

  it("of many series is refused before anything is read", async () => {
    const path = "/api/v1/series?from=-7d&group=node&max_points=11000&resolution=1m";
    const client = await running.pool.connect();
    try {
      await client.query("BEGIN; LOCK TABLE rollup_1m, metrics IN ACCESS EXCLUSIVE MODE");
      expect(await problemOf(await running.ask(path))).toMatchObject([
        422,
        { code: "TOO_MANY_POINTS", detail: expect.stringContaining("30 series of 10081 points") },
      ]);
    } finally {
      await client.query("ROLLBACK");
      client.release();
    }
    const few = "/api/v1/series?from=-7d&group=node&node=n-1,n-2&max_points=11000&resolution=1m";
    expect((await running.ask(few)).status).toBe(200);
  });

  it("by a large offset costs more, and has a limit that says what to use instead", async () => {
    const leftAfter = async (offset: number) => {
      const answer = await running.ask(`/api/metrics?node_id=n-1&offset=${offset}`);
      expect(answer.status).toBe(200);
      return Number(/r=(\d+)/.exec(answer.headers.get("ratelimit") ?? "")?.[1]);
    };
    const first = await leftAfter(0);
    expect(first - (await leftAfter(10_000))).toBeGreaterThanOrEqual(20);
    expect(await problemOf(await running.ask("/api/metrics?offset=10001"))).toMatchObject([
      422,
      { detail: expect.stringContaining("the cursor of /api/v1/events") },
    ]);
  });
});

describe("with AUTH_MODE=keys", () => {
  let running: TestConsole;
  beforeAll(async () => {
    running = await startTestConsole(life, {
      AUTH_MODE: "keys",
      QUERY_TIMEOUT_MS: "20000",
      MAX_CONNECTIONS: "8",
    });
    await insertNode(running.pool, "a");
  });
  /** @returns the connection, and what was received on it so far */
  const open = async (request: string): Promise<{ socket: Socket; received: () => string }> => {
    const { hostname, port } = new URL(running.service.url);
    const socket = connect(Number(port), hostname).on("error", () => undefined);
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => (received += text));
    await once(socket, "connect");
    socket.write(request);
    return { socket, received: () => received };
  };
  const get = (path: string, headers: Record<string, string> = {}) =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${Object.entries(headers)
      .map((header) => `${header.join(": ")}\r\n`)
      .join("")}\r\n`;

  it("a new key is looked up although changes wait for the database", async () => {
    const editor = await readerHeaders(running.pool, null, { may_change_nodes: true });
    const client = await running.pool.connect();
    const deleted = await (async () => {
      try {
        await client.query("BEGIN; LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE");
        const deleting = [1, 2, 3].map(() =>
          running.ask("/api/v1/nodes/a", { method: "DELETE", headers: editor }),
        );
        await until(
          async () =>
            (
              await client.query(
                "SELECT FROM pg_locks WHERE NOT granted AND relation = 'nodes'::regclass",
              )
            ).rowCount === 2,
          { what: "all connections for changes wait" },
        );
        const headers = await readerHeaders(running.pool, null);
        expect((await running.ask("/api/v1/topics", { headers })).status).toBe(200);
        return deleting;
      } finally {
        await client.query("ROLLBACK");
        client.release();
      }
    })();
    expect((await Promise.all(deleted)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it("a connection on which nobody shows a key is closed soon after its answer", async () => {
    const page = await open(get("/docs"));
    await once(page.socket, "close");
    expect(page.received()).toMatch(/^Keep-Alive: timeout=5\r$/m);
    const asker = await open(get("/api/v1/topics", await readerHeaders(running.pool, null)));
    await until(() => /^Keep-Alive: timeout=75\r$/m.test(asker.received()), { what: "it is kept" });
    asker.socket.destroy();
  });

  it("the oldest connections without a key make room for a new one", async () => {
    const closed = new Set<number>();
    const idle: Socket[] = [];
    for (let at = 0; at < 12; at++) {
      const { socket } = await open("");
      socket.once("close", () => closed.add(at));
      idle.push(socket);
    }
    const headers = await readerHeaders(running.pool, null);
    const asker = await open(get("/api/v1/topics", headers));
    await until(() => asker.received().startsWith("HTTP/1.1 200"), { what: "it is answered" });
    await until(() => [0, 1, 2, 3].every((at) => closed.has(at)), {
      what: "the oldest are closed",
    });
    expect(closed.has(11)).toBe(false);
    expect(
      await metricOf(running, 'fiberstream_console_closed_connections_total{closed_why="unknown"}'),
    ).toBeGreaterThan(3);
    for (const socket of [...idle, asker.socket]) socket.destroy();
  });
});
