import { createLife, type Life } from "@fiberstream/runtime/life";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readerHeaders, startTestConsole, type TestConsole } from "./console-fixture.ts";
import { createLetterTopics } from "./letters-fixture.ts";

const namespace = testNamespace();
const HOUR_MS = 3_600_000;
const NOW = Date.now();

type Letter = {
  partition: number;
  offset: number;
  key: string;
  reason: string;
  failed_at: string;
  trace_id: string | null;
};
type Page = {
  data: Letter[];
  meta: {
    next_cursor: string | null;
    searched: { complete: boolean; back_to: string | null; letters: number | null };
  };
};
type Whole = {
  data: Letter & {
    tenant: string | null;
    headers: Record<string, string>;
    value: { base64: string; text: string; shown_bytes: number };
    decoded: { node_id: string } | null;
    decode_problem: string | null;
  };
};

let life: Life;
let running: TestConsole;
let topics: Awaited<ReturnType<typeof createLetterTopics>>;
beforeAll(async () => {
  life = createLife();
  topics = await createLetterTopics(life, namespace);
  const ago = (minutes: number) => new Date(NOW - minutes * 60_000);
  await topics.send([
    ...Array.from({ length: 120 }, (_, at) => ({
      node: `old-${at}`,
      tenant: at % 2 === 0 ? "acme" : "other",
      failedAt: ago(2_000 - at),
      offset: at,
    })),
    {
      node: "garbage",
      reason: "not-avro" as const,
      failedAt: ago(30),
      offset: 500,
      value: Buffer.from('{"tenant": "acme", "html": "<script>", "bidi": "\u202e"}'),
      headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
    },
    {
      node: "rejected",
      tenant: "acme",
      reason: "row-refused" as const,
      stage: "write",
      failedAt: ago(10),
      offset: 501,
    },
  ]);
  running = await startTestConsole(life, { NAMESPACE: namespace });
});
afterAll(() => life.stop());

const keysOf = ({ data }: Page) => data.map(({ key }) => key);
const pages = async (path: string, init?: RequestInit) => {
  const keys: string[] = [];
  let cursor: string | null = "";
  for (let page = 0; cursor !== null && page < 100; page++) {
    const answer = await running.ask(`${path}${cursor === "" ? "" : `&cursor=${cursor}`}`, init);
    const body = (await answer.json()) as Page;
    keys.push(...keysOf(body));
    cursor = body.meta.next_cursor;
  }
  return keys;
};

describe("dead letters", () => {
  it("are listed with the newest first, page by page, each once", async () => {
    const first = await running.answer<Page>("/api/v1/dead-letters?limit=2");
    expect(first.data).toMatchObject([
      { key: "rejected", reason: "row-refused", stage: "write", service: "stream-processor" },
      { key: "garbage", trace_id: "0af7651916cd43dd8448eb211c80319c", origin: { offset: 500 } },
    ]);
    const all = await pages("/api/v1/dead-letters?limit=7");
    expect(all.slice(0, 4)).toEqual(["rejected", "garbage", "old-119", "old-118"]);
    expect(new Set(all).size).toBe(122);
  });

  it.each([
    ["reason=not-avro", ["garbage"]],
    ["stage=write", ["rejected"]],
    ["node=old-5", ["old-5"]],
    ["from=-1h", ["rejected", "garbage"]],
    ["from=-1h&to=-20m", ["garbage"]],
    ["tenant=acme&from=-1h", ["rejected"]],
    ["topic=probe.metrics.enriched", []],
  ])("are filtered by %s", async (filter, expected) => {
    const page = await running.answer<Page>(`/api/v1/dead-letters?${filter}`);
    expect(keysOf(page)).toEqual(expected);
    expect(page.meta).toMatchObject({ next_cursor: null, searched: { complete: true } });
  });

  it("are counted by reason, stage and topic", async () => {
    const { data } = await running.answer<{ data: object[] }>("/api/v1/dead-letters/counts");
    expect(data).toMatchObject([
      { reason: "too-old", stage: "decode", topic: topics.raw, count: 120, redriven: 0 },
      { count: 1 },
      { count: 1 },
    ]);
  });

  it("are shown whole, whatever bytes they have", async () => {
    const [garbage] = (await running.answer<Page>("/api/v1/dead-letters?reason=not-avro")).data;
    const path = `/api/v1/dead-letters/${garbage?.partition}/${garbage?.offset}`;
    const answer = await running.ask(path);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("etag")).not.toBeNull();
    const { data } = await running.answer<Whole>(path);
    expect(data).toMatchObject({ tenant: null, decoded: null, decode_problem: expect.any(String) });
    expect(Buffer.from(data.value.base64, "base64").toString()).toContain("<script>");
    expect(data.value.text).toMatch(/^[\x20-\x7e]+$/);
    expect(data.headers["__connect.errors.topic"]).toBe(topics.raw);
    const [good] = (await running.answer<Page>("/api/v1/dead-letters?node=old-4")).data;
    const whole = await running.answer<Whole>(
      `/api/v1/dead-letters/${good?.partition}/${good?.offset}`,
    );
    expect(whole.data).toMatchObject({ tenant: "acme", decoded: { node_id: "old-4" } });
  });

  it("that do not exist are not found", async () => {
    for (const path of ["0/999999", "999/0"]) {
      const answer = await running.ask(`/api/v1/dead-letters/${path}`);
      expect([answer.status, await answer.json()]).toMatchObject([404, { code: "NO_SUCH_LETTER" }]);
    }
  });

  it("reject a cursor of another filter", async () => {
    const { meta } = await running.answer<Page>("/api/v1/dead-letters?limit=1");
    const answer = await running.ask(
      `/api/v1/dead-letters?reason=too-old&cursor=${meta.next_cursor}`,
    );
    expect([answer.status, await answer.json()]).toMatchObject([422, { code: "INVALID_CURSOR" }]);
  });

  it("are not read without end: the answer says how far the search has looked", async () => {
    const own = createLife();
    try {
      const many = testNamespace();
      const { send } = await createLetterTopics(own, many);
      const value = Buffer.alloc(100_000, "x");
      for (let at = 0; at < 400; at += 5) {
        await send(
          Array.from({ length: 5 }, (_, more) => ({
            node: "node",
            value,
            reason: "not-avro" as const,
            failedAt: new Date(NOW - HOUR_MS + at + more),
            offset: at + more,
          })),
        );
      }
      const console = await startTestConsole(own, { NAMESPACE: many });
      const page = await console.answer<Page>("/api/v1/dead-letters?stage=write");
      expect(page.data).toEqual([]);
      expect(page.meta.searched).toMatchObject({ complete: false, back_to: expect.any(String) });
      expect(page.meta.searched.letters).toBeLessThan(400);
      const metrics = await (await fetch(`${console.service.adminUrl}/metrics`)).text();
      expect(metrics).toContain('fiberstream_console_cut_searches_total{search="dead-letters"} 1');
      const next = async (cursor: string | null) => {
        const path = `/api/v1/dead-letters?stage=write&cursor=${cursor}`;
        return (await console.answer<Page>(path)).meta;
      };
      let { meta } = page;
      for (let more = 0; meta.next_cursor !== null && more < 100; more++) {
        meta = await next(meta.next_cursor);
      }
      expect(meta).toMatchObject({ next_cursor: null, searched: { complete: true } });
    } finally {
      await own.stop();
    }
  });

  it("are not shown while Kafka is unavailable, with the reason", async () => {
    const own = createLife();
    try {
      const alone = await startTestConsole(own, { KAFKA_BROKERS: "127.0.0.1:1" });
      const answer = await alone.ask("/api/v1/dead-letters");
      expect([answer.status, await answer.json()]).toMatchObject([
        503,
        { code: "KAFKA_UNAVAILABLE", detail: expect.not.stringContaining("127.0.0.1") },
      ]);
      expect((await alone.ask("/api/v1/nodes")).status).toBe(200);
    } finally {
      await own.stop();
    }
  });
});

describe("dead letters of one tenant", () => {
  it("are those whose event says so, and nothing else is learnt", async () => {
    const own = createLife();
    try {
      const keyed = await startTestConsole(own, { NAMESPACE: namespace, AUTH_MODE: "keys" });
      const headers = await readerHeaders(keyed.pool, "acme");
      const ask = async (path: string) => {
        const answer = await keyed.ask(path, { headers });
        return { status: answer.status, body: (await answer.json()) as Page & Whole };
      };
      const { body } = await ask("/api/v1/dead-letters?limit=500");
      const keys = keysOf(body);
      expect(keys).toHaveLength(61);
      expect(keys[0]).toBe("rejected");
      // Its bytes claim to be of the tenant, which proves nothing.
      expect(keys).not.toContain("garbage");
      expect(keys.filter((key) => Number(key.replace("old-", "")) % 2 === 1)).toEqual([]);
      expect(body.meta.searched).toMatchObject({ letters: null, bytes: null });
      expect(keysOf((await ask("/api/v1/dead-letters?tenant=other")).body)).toEqual([]);

      const { data: all } = await running.answer<Page>("/api/v1/dead-letters?limit=500");
      const positionOf = (key: string) => {
        const letter = all.find((one) => one.key === key);
        return `/api/v1/dead-letters/${letter?.partition}/${letter?.offset}`;
      };
      for (const key of ["garbage", "old-1"]) {
        expect((await ask(positionOf(key))).status).toBe(404);
      }
      const mine = await ask(positionOf("old-2"));
      expect(mine.status).toBe(200);
      expect(Object.keys(mine.body.data.headers)).not.toContain(
        "__connect.errors.exception.stacktrace",
      );
    } finally {
      await own.stop();
    }
  });
});
