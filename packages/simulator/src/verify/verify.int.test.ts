import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Client } from "pg";
import type { SimulatedEvent } from "../probes/probe.ts";
import { simulate, type Summary } from "../simulate.ts";
import { createTally } from "../load/tally.ts";
import { COMPARED_FIELDS } from "./as-sent.ts";
import { problemsOf } from "../verdict.ts";

let database: TestDatabase;
let client: Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

describe("--verify", () => {
  it("finds every row if no event is lost or altered", async () => {
    const summary = await runAgainst(insert);
    expect(summary.verified).toMatchObject({ rows: 20, lost: 0, doubled: 0, altered: 0 });
    expect(summary.verified?.delayMs.max).toBeGreaterThan(0);
    expect(problemsOf(summary, "unlimited")).toEqual([]);
  });

  it("reports lost, duplicated and altered events", async () => {
    let at = 0;
    const summary = await runAgainst(async (event) => {
      at++;
      if (at === 3) return;
      if (at === 5) await insert(event);
      await insert(
        at === 7 ? { ...event, metadata: { ...event.metadata, city: "Atlantis" } } : event,
      );
    });
    expect(summary.verified).toMatchObject({ rows: 20, lost: 1, doubled: 1, altered: 1 });
    expect(summary.verified?.examples).toHaveLength(3);
    expect(problemsOf(summary, "unlimited")).toEqual(["1 lost", "1 duplicated", "1 altered"]);
  });

  it("distinguishes rows of events that got no 202 from duplicated rows", async () => {
    const summary = await runAgainst(insert, { status: 503 });
    expect(summary).toMatchObject({
      accepted: 0,
      verified: { rows: 0, lost: 0, doubled: 0, unconfirmed: 20 },
    });
  });
});

/** Sends twenty events to a gateway that stores them with the given function before it answers. */
async function runAgainst(
  keep: (event: SimulatedEvent) => Promise<void>,
  answer: { status: number } = { status: 202 },
): Promise<Summary> {
  const server = createServer((request, response) => {
    void text(request)
      .then((body) => keep(JSON.parse(body) as SimulatedEvent))
      .then(() => response.writeHead(answer.status).end("{}"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await simulate(
      {
        url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
        probes: 4,
        rate: "unlimited",
        durationMs: undefined,
        maxEvents: 20,
        batch: undefined,
        concurrency: 1,
        seed: 1,
        freshIds: undefined,
        verify: { databaseUrl: database.url, stallMs: 200 },
      },
      { tally: createTally(), stopping: new AbortController().signal },
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function insert(event: SimulatedEvent): Promise<void> {
  const columns = { event_id: randomUUID(), node_id: event.node_id, time: event.timestamp };
  const sent = Object.entries(event).filter(([name]) => COMPARED_FIELDS.includes(name));
  const row = { ...columns, ...Object.fromEntries(sent) };
  await client.query(
    `INSERT INTO metrics (received_at, tenant, enrichment_status, ${Object.keys(row).join(", ")})
     VALUES (now(), 'default', 'complete', ${Object.keys(row)
       .map((_, at) => `$${at + 1}`)
       .join(", ")})`,
    Object.values(row),
  );
}
