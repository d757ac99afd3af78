import { randomUUID } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { eventOf, push } from "./platform/send.ts";

let platform: Platform;
let consoleUrl: string;
/** A gateway that knows where the console is. */
let gateway: RunningService;
let life: Life;
beforeAll(async () => {
  life = createLife();
  platform = life.own(await startPlatform(), (owned) => owned.stop());
  consoleUrl = platform.service("console").url;
  const settings = { NAMESPACE: platform.namespace, DATABASE_URL: platform.databaseUrl };
  gateway = life.own(
    await startService("ingest-gateway", { ...settings, QUERY_URL: consoleUrl }),
    async (owned) => void (await owned.stop()),
  );
});
afterAll(() => life.stop());

const NODE = `walk-${randomUUID()}`;
const MINUTE_MS = 60_000;
const now = Date.now();
const RANGE = `from=${new Date(now - MINUTE_MS).toISOString()}&to=${new Date(now + 2 * MINUTE_MS).toISOString()}`;

/** Returns the text of an answer, on the console's port. */
async function textOf(path: string, url = consoleUrl): Promise<string> {
  const answer = await fetch(url + path);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`);
  return text;
}

describe("an event", () => {
  let eventId: string;

  it("is found by its id as soon as it is a row", async () => {
    const sent = {
      latency_ms: 77.5,
      country: "GH",
      region: "Volta",
      timestamp: new Date(now).toISOString(),
    };
    const answer = await push(gateway.url, eventOf(NODE, sent));
    expect(answer.status).toBe(202);
    ({ event_id: eventId } = (await answer.json()) as { event_id: string });
    const text = await until(() => textOf(`/api/v1/events/${eventId}?node=${NODE}`), {
      what: "the event is found",
    });
    expect(JSON.parse(text)).toMatchObject({
      data: { event: { event_id: eventId, node_id: NODE, latency_ms: 77.5 }, conflicts: [] },
    });
  });

  it.each([
    ["/api/v1/events?node={node}", "77.5"],
    [`/api/v1/events?${RANGE}&where=latency_ms%20%3D%2077.5`, NODE],
    [`/api/v1/export?format=ndjson&${RANGE}&node={node}`, "77.5"],
    [`/api/v1/export?format=csv&${RANGE}`, NODE],
    [`/api/v1/raw-series?${RANGE}&node={node}`, "77.5"],
    [`/api/v1/series?${RANGE}&node={node}&stats=latency_avg_ms`, "77.5"],
    [`/api/v1/series?${RANGE}&group=region&stats=latency_p95_ms`, "77.5"],
    [`/api/v1/histogram?${RANGE}&node={node}`, '"events":1'],
    [`/api/v1/summary?${RANGE}&node={node}`, '"latency_max_ms":77.5'],
    [`/api/v1/top?${RANGE}`, NODE],
    ["/api/v1/nodes/latest", "77.5"],
    ["/api/v1/nodes?q={node}", '"status":"reporting"'],
    ["/api/v1/nodes/{node}", '"region":"Volta"'],
    ["/api/metrics?node_id={node}", "77.5"],
    ["/api/metrics?limit=10", NODE],
    ["/api/metrics/aggregated?dimension=node", NODE],
    ["/api/metrics/aggregated?dimension=region", "Volta/GH"],
    ["/api/metrics/cluster", "gh-volta"],
    ["/api/nodes", NODE],
  ])("is shown by %s", async (template, shown) => {
    const path = template.replaceAll("{node}", NODE);
    expect(await until(() => textOf(path), { what: `${path} is answered` })).toContain(shown);
    // Clients of the reference system send all to one port.
    if (path.startsWith("/api/v1")) return;
    expect(await textOf(path, gateway.url)).toContain(shown);
  });

  it("that comes again with other content is shown with both", async () => {
    const other = {
      latency_ms: 88.25,
      country: "GH",
      region: "Volta",
      timestamp: new Date(now).toISOString(),
    };
    expect((await push(gateway.url, eventOf(NODE, other))).status).toBe(202);
    type Shown = { data: { event: object; conflicts: { received: object }[] } };
    const shown = await until(
      async () => {
        const { data } = JSON.parse(
          await textOf(`/api/v1/events/${eventId}?node=${NODE}`),
        ) as Shown;
        return data.conflicts.length > 0 && data;
      },
      { what: "the conflict is shown" },
    );
    expect(shown).toMatchObject({
      event: { latency_ms: 77.5 },
      conflicts: [{ received: { latency_ms: 88.25 } }],
    });
    expect(await textOf(`/api/v1/conflicts?node=${NODE}`)).toContain("88.25");
  });

  it("stays where its node was deleted, and the node is not listed", async () => {
    const deleted = await fetch(`${gateway.url}/api/nodes/${NODE}`, { method: "DELETE" });
    expect([deleted.status, await deleted.json()]).toEqual([
      200,
      { status: "ok", message: "Node deleted" },
    ]);
    expect(await textOf("/api/nodes")).not.toContain(NODE);
    expect(await textOf(`/api/v1/events?node=${NODE}`)).toContain("77.5");
  });
});
