import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { simulate, type Simulation } from "../simulate.ts";
import { createTally } from "./tally.ts";
import { problemsOf } from "../verdict.ts";

type Answering = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

let server: Server;
let answering: Answering;
beforeEach(async () => {
  server = createServer((request, response) => void answering(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});

const accept: Answering = (request, response) => {
  request.resume().on("end", () => response.writeHead(202).end('{"status":"accepted"}'));
};

const simulation = (options: Partial<Simulation>): Simulation => ({
  url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  probes: 5,
  rate: "unlimited",
  durationMs: undefined,
  maxEvents: undefined,
  batch: undefined,
  concurrency: 8,
  seed: 1,
  freshIds: undefined,
  verify: undefined,
  ...options,
});

const run = (options: Partial<Simulation>, stopping = new AbortController().signal) =>
  simulate(simulation(options), { tally: createTally(), stopping });

describe("a load", () => {
  it("sends each event once, in a request of its own", async () => {
    const bodies: string[] = [];
    answering = async (request, response) => {
      bodies.push(await text(request));
      response.writeHead(202).end('{"status":"accepted"}');
    };
    const summary = await run({ maxEvents: 50 });
    expect(summary).toMatchObject({ sent: 50, accepted: 50, refused: 0, unsent: 0 });
    expect(new Set(bodies).size).toBe(50);
    expect(problemsOf(summary, "unlimited")).toEqual([]);
  });

  it("sends batches to the other route, and reads which events were not accepted", async () => {
    const paths: string[] = [];
    answering = async (request, response) => {
      paths.push(request.url ?? "");
      await text(request);
      const results = [{ index: 2, status: "rejected", code: "TOO_OLD" }];
      response.writeHead(202).end(JSON.stringify({ status: "accepted", results }));
    };
    const summary = await run({ maxEvents: 25, batch: 10 });
    expect(paths).toEqual(["/api/ingest", "/api/ingest", "/api/ingest"]);
    expect(summary).toMatchObject({ accepted: 22, reasons: { "rejected TOO_OLD": 3 } });
    expect(problemsOf(summary, "unlimited")).toEqual(["3 refused"]);
  });

  it("never has more requests in flight than allowed", async () => {
    let open = 0;
    let most = 0;
    answering = async (request, response) => {
      most = Math.max(most, ++open);
      await text(request);
      response.writeHead(202).end("{}", () => open--);
    };
    await run({ maxEvents: 200, concurrency: 3 });
    expect(most).toBeLessThanOrEqual(3);
  });

  it("measures the time from when an event was due, also for events that had to wait", async () => {
    let first = true;
    answering = (request, response) => {
      const delayMs = first ? 300 : 0;
      first = false;
      setTimeout(() => void accept(request, response), delayMs);
    };
    const summary = await run({ probes: 1, rate: 100, durationMs: 400, concurrency: 1 });
    expect(summary.accepted).toBe(40);
    // Events that were due in the first half of the stall waited for more than half of it.
    expect(summary.answerMs.p50).toBeGreaterThan(100);
  });

  it("counts reasons, and expects OVERLOADED only with an unlimited rate", async () => {
    answering = (request, response) => {
      request.resume().on("end", () => response.writeHead(503).end('{"code":"OVERLOADED"}'));
    };
    const summary = await run({ maxEvents: 3 });
    expect(summary).toMatchObject({ accepted: 0, reasons: { "503 OVERLOADED": 3 } });
    expect(problemsOf(summary, 1)).toContain("3 refused");
    expect(problemsOf(summary, "unlimited")).toEqual(["no event was accepted"]);
  });

  it("continues when connections break", async () => {
    let requests = 0;
    answering = (request, response) => {
      if (requests++ % 2 === 0) request.socket.destroy();
      else void accept(request, response);
    };
    const { sent, accepted, reasons } = await run({ maxEvents: 20, concurrency: 1 });
    expect({ sent, accepted, reasons }).toEqual({
      sent: 20,
      accepted: 10,
      reasons: { "no answer (ECONNRESET)": 10 },
    });
  });

  it("ends early when it is stopped, with the events sent until then", async () => {
    const stop = new AbortController();
    let requests = 0;
    answering = (request, response) => {
      if (++requests === 10) stop.abort();
      void accept(request, response);
    };
    const summary = await run({ rate: 100, durationMs: 3_600_000 }, stop.signal);
    expect(summary.accepted).toBe(summary.sent);
    expect(summary).toMatchObject({ unsent: 0, refused: 0 });
    expect(summary.sent).toBeGreaterThanOrEqual(10);
  });
});
