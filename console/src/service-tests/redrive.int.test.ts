import { replayDeadLetters } from "@fiberstream/kafka/replay-dead-letters";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readerHeaders, startTestConsole, type TestConsole } from "./console-fixture.ts";
import { createLetterTopics, kafka, type LetterOf } from "./letters-fixture.ts";

type Job = {
  job_id: string;
  state: string;
  dry_run: boolean;
  tenant: string | null;
  created_by: string;
  problem: string | null;
  progress: { done?: number; total?: number; redriven?: number };
  result: { redriven?: number } | null;
};

let life: Life;
let namespace: string;
let topics: Awaited<ReturnType<typeof createLetterTopics>>;
beforeEach(async () => {
  life = createLife();
  namespace = testNamespace();
  topics = await createLetterTopics(life, namespace);
});
afterEach(() => life.stop());

const LEASE = { JOB_LEASE_MS: "3000" };
const start = (environment: Record<string, string> = {}) =>
  startTestConsole(life, { NAMESPACE: namespace, ...LEASE, ...environment });
const lettersOf = (count: number, change: Partial<LetterOf> = {}) =>
  Array.from({ length: count }, (_, at) => ({
    node: `n-${at}`,
    failedAt: new Date(Date.now() - 60_000),
    offset: at,
    ...change,
  }));

const post = async (
  { ask }: Pick<TestConsole, "ask">,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) => {
  const answer = await ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { answer, body: (await answer.json()) as { data: Job; code?: string } };
};
const redrive = async (console: Pick<TestConsole, "ask">, request: object) => {
  const { answer, body } = await post(console, "/api/v1/dead-letters/redrive", request);
  expect([answer.status, body.code]).toEqual([202, undefined]);
  expect(answer.headers.get("location")).toBe(`/api/v1/jobs/${body.data.job_id}`);
  return body.data.job_id;
};
const jobOf = async ({ ask }: Pick<TestConsole, "ask">, id: string, init?: RequestInit) =>
  ((await (await ask(`/api/v1/jobs/${id}`, init)).json()) as { data: Job }).data;
const ended = (console: Pick<TestConsole, "ask">, id: string) =>
  until(
    async () => {
      const job = await jobOf(console, id);
      return job.state === "queued" || job.state === "running" ? undefined : job;
    },
    { what: "the job has ended" },
  );

describe("redrive", () => {
  it("counts first, then sends, and a second time sends nothing", async () => {
    await topics.send([
      ...lettersOf(20),
      ...lettersOf(3, { reason: "not-avro", value: Buffer.from("x") }),
    ]);
    const console = await start();
    const filter = { reason: "too-old" };
    const dry = await ended(console, await redrive(console, { filter, dry_run: true }));
    expect(dry).toMatchObject({ state: "succeeded", dry_run: true, result: { redriven: 20 } });
    expect(await topics.valuesIn(topics.raw)).toEqual([]);
    const real = await ended(console, await redrive(console, { filter, dry_run: false }));
    expect(real).toMatchObject({
      state: "succeeded",
      created_by: "open",
      result: { redriven: 20 },
      progress: { total: 23 },
    });
    expect(await topics.valuesIn(topics.raw)).toHaveLength(20);
    const again = await ended(console, await redrive(console, { filter, dry_run: false }));
    expect(again.result?.redriven).toBe(0);
    const { data } = await console.answer<{ data: Job[] }>("/api/v1/jobs");
    expect(data.map(({ job_id: id }) => id)[0]).toBe(again.job_id);
    const metrics = await (await fetch(`${console.service.adminUrl}/metrics`)).text();
    expect(metrics).toContain("fiberstream_console_redriven_letters_total 20");
    expect(metrics).toContain(
      'fiberstream_console_jobs_finished_total{job_kind="redrive",job_state="succeeded"} 3',
    );
  });

  it("sends only the letters that were named", async () => {
    await topics.send(lettersOf(10));
    const console = await start();
    const { data } = await console.answer<{
      data: { partition: number; offset: number; key: string }[];
    }>("/api/v1/dead-letters");
    const letters = data.slice(2, 5).map(({ partition, offset }) => ({ partition, offset }));
    const job = await ended(console, await redrive(console, { letters, dry_run: false }));
    expect(job.result?.redriven).toBe(3);
    expect(
      (await topics.valuesIn(topics.raw)).map((text) => text.split(" ")[0] ?? "").toSorted(),
    ).toEqual(
      data
        .slice(2, 5)
        .map(({ key }) => key)
        .toSorted(),
    );
  });

  it("goes on in another console after a kill, and sends no letter twice", async () => {
    await topics.send(lettersOf(400));
    const database = life.own(await createTestDatabase(), (owned) => owned.drop());
    const environment = { NAMESPACE: namespace, DATABASE_URL: database.url, ...LEASE };
    const startOne = async () =>
      life.own(await startService("console", environment), (owned) => owned.kill());
    const consoles = await Promise.all([startOne(), startOne()]);
    const ask = (at: number) => (path: string, init?: RequestInit) =>
      fetch(`${consoles[at]?.url}${path}`, init);
    const id = await redrive({ ask: ask(0) }, { filter: {}, dry_run: false, rate: 100 });
    const isSending = async (at: number) => {
      const metrics = await (await fetch(`${consoles[at]?.adminUrl}/metrics`)).text();
      return /console_redriven_letters_total [1-9]/.test(metrics);
    };
    const holder = await until(
      async () => {
        if (await isSending(0)) return "0";
        return (await isSending(1)) ? "1" : undefined;
      },
      { what: "one of them has sent some" },
    ).then(Number);
    await consoles[holder]?.kill();
    const left = 1 - holder;
    const job = await ended({ ask: ask(left) }, id);
    expect(job).toMatchObject({ state: "succeeded", result: { redriven: 400 } });
    const values = await topics.valuesIn(topics.raw);
    expect(values).toHaveLength(400);
    expect(new Set(values).size).toBe(400);
    const metrics = await (await fetch(`${consoles[left]?.adminUrl}/metrics`)).text();
    expect(metrics).toContain('fiberstream_console_jobs_taken_over_total{job_kind="redrive"} 1');
  });

  it("is passed on by a console that stops", async () => {
    await topics.send(lettersOf(300));
    const console = await start({ JOB_LEASE_MS: "600000" });
    const environment = { NAMESPACE: namespace, DATABASE_URL: console.databaseUrl };
    const id = await redrive(console, { filter: {}, dry_run: false, rate: 60 });
    await until(async () => ((await jobOf(console, id)).progress.redriven ?? 0) > 0, {
      what: "some were sent",
    });
    const other = life.own(await startService("console", environment), (owned) => owned.stop());
    expect(await console.service.stop()).toBe(0);
    const ask = (path: string, init?: RequestInit) => fetch(`${other.url}${path}`, init);
    expect((await ended({ ask }, id)).result?.redriven).toBe(300);
    expect(await topics.valuesIn(topics.raw)).toHaveLength(300);
  });

  it("is cancelled while it runs, and while it waits", async () => {
    await topics.send(lettersOf(300));
    const console = await start();
    const running = await redrive(console, { filter: {}, dry_run: false, rate: 20 });
    await until(async () => ((await jobOf(console, running)).progress.redriven ?? 0) > 0, {
      what: "some were sent",
    });
    const waiting = await redrive(console, { filter: { stage: "decode" }, dry_run: false });
    expect((await jobOf(console, waiting)).state).toBe("queued");
    const cancel = (id: string) => post(console, `/api/v1/jobs/${id}/cancel`);
    expect((await cancel(waiting)).body.data.state).toBe("cancelled");
    expect((await cancel(running)).answer.status).toBe(202);
    const job = await ended(console, running);
    expect(job.state).toBe("cancelled");
    expect(job.result?.redriven).toBeLessThan(300);
    expect(await topics.valuesIn(topics.raw)).toHaveLength(job.result?.redriven ?? -1);
    const late = await cancel(running);
    expect([late.answer.status, late.body.code]).toEqual([409, "JOB_FINISHED"]);
  });

  it("and fiber dlq replay with the same filter share their progress, also at the same time", async () => {
    await topics.send(lettersOf(300));
    const console = await start();
    const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
    const command = (rate: number | undefined) =>
      replayDeadLetters(
        { kafka, namespace, topic: topics.topic, reader },
        {
          filter: { class: "too-old" },
          dryRun: false,
          limit: undefined,
          rate,
          maxReplays: 3,
          fromStart: false,
          run: "a terminal",
          onProgress: () => undefined,
          stopping: new AbortController().signal,
        },
      );
    const id = await redrive(console, { filter: { reason: "too-old" }, dry_run: false, rate: 30 });
    await until(async () => ((await jobOf(console, id)).progress.redriven ?? 0) > 0, {
      what: "some were sent",
    });
    const typed = await command(50).catch((error: Error) => error.message);
    const job = await ended(console, id);
    expect(job.state).toBe("succeeded");
    const values = await topics.valuesIn(topics.raw);
    expect(values).toHaveLength(300);
    expect(new Set(values).size).toBe(300);
    // Whoever began last went on.
    if (typeof typed === "string") expect(typed).toContain("another replay with the same filter");
    await command(undefined);
    expect(await topics.valuesIn(topics.raw)).toHaveLength(300);
  });
});

describe("who may redrive", () => {
  it("is who has the right, for letters of the own tenant", async () => {
    await topics.send([
      ...lettersOf(4, { tenant: "acme" }),
      ...lettersOf(5, { tenant: "other" }),
      ...lettersOf(2, { reason: "not-avro", value: Buffer.from("acme") }),
    ]);
    const console = await start({ AUTH_MODE: "keys" });
    const keys = {
      reader: await readerHeaders(console.pool, null),
      acme: await readerHeaders(console.pool, "acme", { may_redrive: true }),
      other: await readerHeaders(console.pool, "other", { may_redrive: true }),
    };
    const ask = async (who: keyof typeof keys, filter: object, path = "/redrive") => {
      const body = { filter, dry_run: false };
      const { answer, body: answered } = await post(
        console,
        `/api/v1/dead-letters${path}`,
        body,
        keys[who],
      );
      return { status: answer.status, ...answered };
    };
    expect(await ask("reader", {})).toMatchObject({ status: 403, code: "NOT_ALLOWED" });
    expect(await ask("acme", { tenant: "other" })).toMatchObject({ status: 403 });
    const { data } = await ask("acme", {});
    expect(data.tenant).toBe("acme");
    const job = await until(
      async () => {
        const found = await jobOf(console, data.job_id, { headers: keys.acme });
        return found.state === "succeeded" ? found : undefined;
      },
      { what: "the job has ended" },
    );
    expect(job.result?.redriven).toBe(4);
    expect(await topics.valuesIn(topics.raw)).toHaveLength(4);
    const seen = await console.ask(`/api/v1/jobs/${data.job_id}`, { headers: keys.other });
    expect(seen.status).toBe(404);
    const list = await console.ask("/api/v1/jobs", { headers: keys.other });
    expect(await list.json()).toMatchObject({ data: [] });
    const cancel = await post(console, `/api/v1/jobs/${data.job_id}/cancel`, undefined, keys.other);
    expect(cancel.answer.status).toBe(404);
  });

  it("cannot name both a filter and letters, nor neither", async () => {
    const console = await start();
    for (const body of [
      { dry_run: true },
      { dry_run: true, filter: {}, letters: [{ partition: 0, offset: 0 }] },
      { filter: {} },
      { dry_run: true, filter: { topic: "probe.nodes" } },
    ]) {
      const { answer } = await post(console, "/api/v1/dead-letters/redrive", body);
      expect(answer.status).toBe(422);
    }
  });
});
