import { createLife, type Life } from "@fiberstream/runtime/life";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  insertEvents,
  insertNode,
  readerHeaders,
  startTestConsole,
  type TestConsole,
} from "./console-fixture.ts";

let life: Life;
let running: TestConsole;
beforeAll(async () => {
  life = createLife();
  running = await startTestConsole(life);
  for (const node of ["a", "b"]) await insertNode(running.pool, node);
  await insertEvents(running.pool, { node: "a", count: 1, latencyMs: 1 });
});
afterAll(() => life.stop());

type Columns = { node_id: string[]; latency_ms: (number | null)[] };
type Message<Data = Columns> = { event: string; id: string; data: Data };

/** Connects, and collects the messages that come. */
async function connect<Data = Columns>(headers: Record<string, string> = {}, include?: string) {
  const stop = new AbortController();
  const path = include === undefined ? "/api/v1/stream" : `/api/v1/stream?include=${include}`;
  const answer = await running.ask(path, { headers, signal: stop.signal });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  const messages: Message<Data>[] = [];
  void (async () => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const fields = new Map(
          part.split("\n").map((line) => line.split(/: (.*)/s) as [string, string]),
        );
        const [event, id, data] = ["event", "id", "data"].map((name) => fields.get(name));
        if (event !== undefined)
          messages.push({ event, id: id ?? "", data: JSON.parse(data ?? "") as Data });
      }
    }
  })().catch(() => undefined);
  return { messages, close: () => stop.abort() };
}

type Alerts = { is_whole: boolean; alerts: { alert_id: string; state: string }[] };

const latencyOf = ({ data }: Message, node: string) => data.latency_ms[data.node_id.indexOf(node)];

describe("a stream", () => {
  it("begins with all nodes, sends those that have changed, and resumes where it was left", async () => {
    const first = await connect();
    const snapshot = await until(() => first.messages[0], { what: "the snapshot arrives" });
    expect(snapshot).toMatchObject({
      event: "snapshot",
      data: { node_id: ["a", "b"], latency_ms: [1, null] },
    });

    await insertEvents(running.pool, { node: "b", count: 1, latencyMs: 22 });
    const patch = await until(() => first.messages[1], { what: "the change arrives" });
    expect(patch).toMatchObject({ event: "nodes", data: { node_id: ["b"], latency_ms: [22] } });
    first.close();

    await insertEvents(running.pool, { node: "a", count: 1, latencyMs: 33 });
    const second = await connect({ "last-event-id": patch.id });
    await until(() => second.messages.some((message) => latencyOf(message, "a") === 33), {
      what: "the change while away arrives",
    });
    expect(second.messages.map(({ event }) => event)).not.toContain("snapshot");
    expect(second.messages.flatMap(({ data }) => data.node_id)).not.toContain("b");
    second.close();

    const third = await connect({ "last-event-id": "000000000000-7" });
    const again = await until(() => third.messages[0], { what: "a snapshot arrives" });
    expect(again.event).toBe("snapshot");
    third.close();
  });

  it("has the alerts that are open, and those that open and resolve, each once", async () => {
    const first = await connect<Alerts>({}, "alerts");
    const whole = await until(() => first.messages[0], { what: "the open alerts arrive" });
    expect(whole).toMatchObject({ event: "alerts", data: { is_whole: true, alerts: [] } });
    const { rows } = await running.pool.query<{ id: string }>(
      `INSERT INTO node_alerts (opened_at, value, resolve_below, alert_id, node_id, kind)
       VALUES (now(), 30, 5, gen_random_uuid(), 'a', 'packet_loss') RETURNING alert_id AS id`,
    );
    const id = rows[0]?.id ?? "";
    const opened = await until(() => first.messages[1], { what: "the opened one arrives" });
    expect(opened.data).toMatchObject({
      is_whole: false,
      alerts: [
        { alert_id: id, state: "open", value: 30, links: { opened_by: expect.any(String) } },
      ],
    });
    first.close();
    await running.pool.query(
      `UPDATE node_alerts SET state = 'resolved', ended_at = now(), changed_at = now() WHERE alert_id = $1`,
      [id],
    );
    const second = await connect<Alerts>({ "last-event-id": opened.id }, "alerts");
    const resolved = await until(() => second.messages[0], { what: "its end arrives" });
    expect(resolved.data).toMatchObject({
      is_whole: false,
      alerts: [{ alert_id: id, state: "resolved" }],
    });
    second.close();
    const third = await connect<Alerts>({}, "alerts");
    const none = await until(() => third.messages[0], { what: "the open alerts arrive" });
    expect(none.data).toEqual({ is_whole: true, alerts: [] });
    third.close();
  });

  it("has several parts, with the position only at the last one", async () => {
    await running.pool.query(
      "INSERT INTO sink_offsets (topic, partition, next_offset) VALUES ('x', 0, 5)",
    );
    const all = await connect<unknown>({}, "pipeline,nodes,alerts");
    await until(() => all.messages.length >= 3, { what: "all parts arrive" });
    expect(all.messages.slice(0, 3)).toMatchObject([
      { event: "snapshot", id: "" },
      { event: "alerts", id: "" },
      {
        event: "pipeline",
        id: expect.stringMatching(/^[0-9a-f]{12}-\d+$/),
        data: { sink_partitions: [{ topic: "x", partition: 0, next_offset: 5 }] },
      },
    ]);
    const before = all.messages.length;
    await running.pool.query("UPDATE sink_offsets SET next_offset = 9");
    const changed = await until(
      () => all.messages.slice(before).findLast(({ event }) => event === "pipeline"),
      { what: "the new offsets arrive" },
    );
    expect(changed.data).toMatchObject({ sink_partitions: [{ next_offset: 9 }] });
    all.close();
    const metrics = await (await fetch(`${running.service.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/console_live_read_failures_total\{part="alerts"\} 0/);
    await until(
      async () =>
        (await (await fetch(`${running.service.adminUrl}/metrics`)).text()).includes(
          "fiberstream_console_open_streams 0",
        ),
      { what: "no stream is open" },
    );
  });

  it("has the jobs that are not finished, and what becomes of them", async () => {
    const jobs = await connect<{ is_whole: boolean; jobs: unknown[] }>({}, "jobs");
    const whole = await until(() => jobs.messages[0], { what: "the jobs arrive" });
    expect(whole).toMatchObject({ event: "jobs", data: { is_whole: true, jobs: [] } });
    const { rows } = await running.pool.query<{ id: string }>(
      `INSERT INTO jobs (kind, created_by, request, state, finished_at)
       VALUES ('redrive', 'open', '{"from": "x"}', 'cancelled', now()) RETURNING job_id AS id`,
    );
    const changed = await until(() => jobs.messages[1], { what: "the job arrives" });
    expect(changed.data).toMatchObject({
      is_whole: false,
      jobs: [{ job_id: rows[0]?.id, kind: "redrive", state: "cancelled", problem: null }],
    });
    expect(JSON.stringify(changed.data)).not.toContain("request");
    jobs.close();
  });

  it("rejects a part that is not known", async () => {
    const answer = await running.ask("/api/v1/stream?include=weather");
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      { code: "INVALID_PARAMETER", detail: expect.stringContaining("nodes, alerts") },
    ]);
  });

  it("shows a reader of one tenant its alerts, and not the pipeline", async () => {
    const own = createLife();
    try {
      const keyed = await startTestConsole(own, { AUTH_MODE: "keys" });
      await keyed.pool.query(
        `INSERT INTO node_alerts (opened_at, value, resolve_below, alert_id, node_id, tenant, kind)
         SELECT now(), 1, 1, gen_random_uuid(), tenant, tenant, 'latency' FROM unnest('{acme,zeta}'::text[]) AS tenant`,
      );
      const headers = await readerHeaders(keyed.pool, "acme");
      const refused = await keyed.ask("/api/v1/stream?include=alerts,pipeline", { headers });
      expect([refused.status, await refused.json()]).toMatchObject([403, { code: "NOT_ALLOWED" }]);
      const answer = await keyed.ask("/api/v1/stream?include=alerts", { headers });
      const text = answer.text();
      await own.stop();
      expect(await text).toContain('"node_id":"acme"');
      expect(await text).not.toContain("zeta");
    } finally {
      await own.stop();
    }
  });

  it("ends when the console stops", async () => {
    const own = createLife();
    const stopped = await startTestConsole(own);
    const answer = await stopped.ask("/api/v1/stream");
    const text = answer.text();
    await own.stop();
    expect(await text).toContain("event: snapshot");
  });
});
