import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { TOPICS } from "@fiberstream/schemas/topics";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readStatus } from "./commands/status.ts";
import { renderTopics } from "./commands/topics/list.ts";
import type { Command } from "commander";
import { createFiber } from "./fiber.ts";

let server: Server;
let answers: Record<string, { status: number; body: object | string }>;
let url: string;
beforeEach(async () => {
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ""] ?? { status: 404, body: {} };
    const { status, body } = answer;
    response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answers = {
    "/readyz": { status: 200, body: { checks: {} } },
    "/openapi.json": { status: 200, body: {} },
    "/metrics": { status: 200, body: rollUpLags(0, 3.2) },
    "/api/status": { status: 200, body: { status: "ok", data: { api: "ok", kafka: "ok" } } },
  };
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const rollUpLags = (minutes: number, days: number) =>
  `# TYPE fiberstream_rollup_lag_seconds gauge
fiberstream_rollup_lag_seconds{service="sink-writer",width="1m"} ${minutes}
fiberstream_rollup_lag_seconds{service="sink-writer",width="1d"} ${days}
`;

const all = (at: string) => ({
  console: at,
  gateway: at,
  gatewayAdmin: at,
  processorAdmin: at,
  sinkAdmin: at,
  consoleAdmin: at,
  auditorAdmin: at,
});

describe("fiber status", () => {
  it("succeeds when all services are ready and events are accepted", async () => {
    const { text, isHealthy } = await readStatus(all(url));
    expect(isHealthy).toBe(true);
    expect(text).toMatch(/sink-writer +ready/);
    expect(text).toMatch(/console +ready/);
    expect(text).toMatch(/auditor +ready/);
    expect(text).toMatch(/events over HTTP +accepted .*api ok, kafka ok/);
    expect(text).toMatch(/questions over HTTP +answered +http/);
    expect(text).toMatch(/roll-ups +current .*oldest due for 0 s \(1m\), 3 s \(1d\)/);
  });

  it("names the failing check of a service", async () => {
    const checks = { kafka: { status: "failing", reason: "kafka at localhost:9092: unavailable" } };
    answers["/readyz"] = { status: 503, body: { checks } };
    const { text, isHealthy } = await readStatus(all(url));
    expect(isHealthy).toBe(false);
    expect(text).toMatch(/ingest-gateway +not ready .*kafka at localhost:9092: unavailable/);
  });

  it("says that roll-ups are behind, or not known, which is no failure of a service", async () => {
    answers["/metrics"] = { status: 200, body: rollUpLags(0, 301) };
    const behind = await readStatus(all(url));
    expect(behind.text).toMatch(/roll-ups +behind .*301 s \(1d\)/);
    expect(behind.isHealthy).toBe(true);
    answers["/metrics"] = { status: 200, body: "" };
    expect((await readStatus(all(url))).text).toMatch(/roll-ups +not known/);
  });

  it("shows a service that does not answer", async () => {
    server.close();
    server.closeAllConnections();
    const { text, isHealthy } = await readStatus(all(url));
    expect(isHealthy).toBe(false);
    expect(text).toMatch(/stream-processor +does not answer/);
    expect(text).toMatch(/events over HTTP +not accepted/);
    expect(text).toMatch(/questions over HTTP +not answered/);
    expect(text).toMatch(/roll-ups +not known .*the sink does not answer/);
  });
});

describe("fiber topics list", () => {
  it("lists every topic with its meaning and its consumers", () => {
    const text = renderTopics("eu.");
    for (const [name, { meaning }] of Object.entries(TOPICS)) {
      expect(text).toContain(`eu.${name}\n  ${meaning}`);
    }
    expect(text).toMatch(/probe.metrics.raw +node_id +Avro ProbeMetric +12 +7 days/);
  });
});

describe("fiber", () => {
  it.each(commandsIn(createFiber()))(
    "%s has examples in its help that it accepts",
    (path, command) => {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      const calls = help
        .split("\n")
        .filter((line) => /^ +npm run (--silent )?fiber -- /.test(line));
      expect(calls).not.toHaveLength(0);
      for (const call of calls) {
        const [, words = ""] = call.split(`fiber -- ${path}`);
        const tokens = [...(words.split(" > ")[0]?.matchAll(/'([^']*)'|(\S+)/g) ?? [])];
        const { unknown } = command.parseOptions(
          tokens.map(([, quoted, word]) => quoted ?? word ?? ""),
        );
        expect({ call, unknown }).toEqual({ call, unknown: [] });
      }
    },
  );

  it("reports an unknown command, and suggests a known one", async () => {
    const fiber = createFiber().exitOverride();
    fiber.configureOutput({ writeErr: () => undefined });
    await expect(fiber.parseAsync(["stauts"], { from: "user" })).rejects.toThrow(
      "Did you mean status?",
    );
  });
});

/** Returns the commands that do something, each with its full name after `fiber`. */
function commandsIn(command: Command, path: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[path.join(" "), command]];
  return command.commands.flatMap((each) => commandsIn(each, [...path, each.name()]));
}
