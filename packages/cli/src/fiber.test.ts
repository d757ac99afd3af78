import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { TOPICS } from "@fiberstream/schemas/topics";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readStatus } from "./commands/status.ts";
import { renderTopics } from "./commands/topics/list.ts";
import { createFiber } from "./fiber.ts";

let server: Server;
let answers: Record<string, { status: number; body: object }>;
let url: string;
beforeEach(async () => {
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ""] ?? { status: 404, body: {} };
    response.writeHead(answer.status).end(JSON.stringify(answer.body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answers = {
    "/readyz": { status: 200, body: { checks: {} } },
    "/api/status": { status: 200, body: { status: "ok", data: { api: "ok", kafka: "ok" } } },
  };
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const all = (at: string) => ({ gateway: at, gatewayAdmin: at, processorAdmin: at, sinkAdmin: at });

describe("fiber status", () => {
  it("is well when all services are ready and events are accepted", async () => {
    const { text, isWell } = await readStatus(all(url));
    expect(isWell).toBe(true);
    expect(text).toMatch(/sink-writer +ready/);
    expect(text).toMatch(/events over HTTP +accepted .*api ok, kafka ok/);
  });

  it("says what a service waits for", async () => {
    const checks = { kafka: { status: "failing", reason: "kafka at localhost:9092: away" } };
    answers["/readyz"] = { status: 503, body: { checks } };
    const { text, isWell } = await readStatus(all(url));
    expect(isWell).toBe(false);
    expect(text).toMatch(/ingest-gateway +not ready .*kafka at localhost:9092: away/);
  });

  it("does not take silence for an error of its own", async () => {
    server.close();
    server.closeAllConnections();
    const { text, isWell } = await readStatus(all(url));
    expect(isWell).toBe(false);
    expect(text).toMatch(/stream-processor +does not answer/);
    expect(text).toMatch(/events over HTTP +not accepted/);
  });
});

describe("fiber topics list", () => {
  it("has every topic with what it means and for whom it is", () => {
    const text = renderTopics("eu.");
    for (const [name, { meaning }] of Object.entries(TOPICS)) {
      expect(text).toContain(`eu.${name}\n  ${meaning}`);
    }
    expect(text).toMatch(/probe.metrics.raw +node_id +Avro ProbeMetric +12 +7 days/);
  });
});

describe("fiber", () => {
  it("names a command that it does not know and suggests one", async () => {
    const fiber = createFiber().exitOverride();
    fiber.configureOutput({ writeErr: () => undefined });
    await expect(fiber.parseAsync(["stauts"], { from: "user" })).rejects.toThrow(
      "Did you mean status?",
    );
  });
});
