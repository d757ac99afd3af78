import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { ProbeEvent } from "@fiberstream/schemas/generated/records";
import { createSender, SendError } from "./sender.ts";

type Step = "cut" | { status: number; body: object | string };
type Seen = { batchId: unknown; token: unknown; lines: string[] };

let server: Server;
let url: string;
/** The gateway's answers, one for each attempt; "cut" closes the connection instead. */
let script: Step[];
let seen: Seen[];
beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.once("end", () => {
      const { "x-batch-id": batchId, authorization: token } = request.headers;
      seen.push({ batchId, token, lines: body.split("\n") });
      const step = script.shift() ?? "cut";
      if (step === "cut") {
        request.socket.destroy();
        return;
      }
      response.writeHead(step.status, { "Retry-After": "0" });
      response.end(typeof step.body === "string" ? step.body : JSON.stringify(step.body));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const event = (fields: Partial<ProbeEvent> = {}): ProbeEvent => ({
  node_id: "probe-1",
  country: "GH",
  region: "Greater Accra",
  latency_ms: 1,
  uptime_pct: 100,
  packet_loss: 0,
  timestamp: new Date("2026-09-21T13:33:20.123Z"),
  ...fields,
});
const taken = (
  accepted: number,
  retry = 0,
  results: { index: number; status: string; code: string }[] = [],
) => {
  const rejected = results.filter(({ status }) => status === "rejected").length;
  const data = { accepted, rejected, retry };
  return { status: 202, body: { status: "accepted", data, results } };
};

describe("sender", () => {
  it("retries the same batch after transient failures, until all events are accepted", async () => {
    script = [
      { status: 503, body: {} },
      { status: 409, body: {} },
      { status: 429, body: {} },
      { status: 500, body: {} },
      taken(1, 1, [{ index: 1, status: "retry", code: "KAFKA_UNAVAILABLE" }]),
      taken(2),
    ];
    const send = createSender({ url: `${url}/`, token: "t" });
    expect(await send([event(), event()])).toEqual({ accepted: 2, rejected: [] });
    expect(seen).toHaveLength(6);
    expect(new Set(seen.map(({ batchId }) => batchId)).size).toBe(1);
    expect(seen[5]).toMatchObject({ token: "Bearer t", lines: seen[0]?.lines });
    expect(seen[0]?.lines[0]).toContain('"timestamp":"2026-09-21T13:33:20.123Z"');
  });

  it("reports index and reason of each rejected event, also if all are rejected", async () => {
    const fault = { code: "OUT_OF_RANGE", field: "latency_ms", message: "too much" };
    script = [
      taken(1, 0, [{ index: 1, status: "rejected", ...fault }]),
      { status: 422, body: { code: "OUT_OF_RANGE", errors: [{ index: 0, ...fault }] } },
    ];
    const send = createSender({ url });
    const mixed = await send([event(), event({ latency_ms: 1e9 })]);
    expect(mixed).toEqual({ accepted: 1, rejected: [{ index: 1, ...fault }] });
    const bad = await send([event({ latency_ms: 1e9 })]);
    expect(bad).toEqual({ accepted: 0, rejected: [{ index: 0, ...fault }] });
  });

  it("does not retry a permanent rejection, and gives up after its attempts", async () => {
    script = [{ status: 401, body: { code: "INVALID_TOKEN", detail: "who are you?" } }];
    const refused = createSender({ url })([event()]);
    await expect(refused).rejects.toMatchObject({ status: 401, code: "INVALID_TOKEN" });
    await expect(refused).rejects.toBeInstanceOf(SendError);
    expect(seen).toHaveLength(1);

    script = [
      { status: 503, body: { code: "OVERLOADED" } },
      { status: 503, body: {} },
    ];
    const givenUp = createSender({ url, maxTries: 2 })([event()]);
    await expect(givenUp).rejects.toThrow("gave up after 2 attempts: 503");
  });

  it.each<[string, string | object]>([
    ["an empty body", ""],
    ["a login page", "<html><body>Welcome to the hotel</body></html>"],
    ["JSON that is not an object", "null"],
    ["the answer of a queueing proxy", { status: "accepted", id: "0-1" }],
    ["an answer without counts", { status: "accepted", data: {}, results: [] }],
    ["an answer about fewer events", taken(1).body],
    ["an answer about more events", taken(3).body],
    [
      "an answer that does not say which event was rejected",
      { status: "accepted", data: { accepted: 1, rejected: 1, retry: 0 }, results: [] },
    ],
  ])("does not accept the answer of another server: %s", async (_what, body) => {
    for (const status of [200, 202]) {
      seen = [];
      script = [{ status, body }, taken(2)];
      expect(await createSender({ url })([event(), event()])).toEqual({
        accepted: 2,
        rejected: [],
      });
      expect(seen).toHaveLength(2);
      script = [{ status, body }];
      const givenUp = createSender({ url, maxTries: 1 })([event(), event()]);
      await expect(givenUp).rejects.toThrow(
        `gave up after 1 attempts: ${status}, but the answer is not that of a gateway about 2 events`,
      );
    }
  });

  it("accepts a rejection of all events only if it names each of them", async () => {
    const fault = { index: 0, code: "OUT_OF_RANGE" };
    script = [{ status: 422, body: { code: "OUT_OF_RANGE", errors: [fault] } }];
    const sent = createSender({ url })([event(), event()]);
    await expect(sent).rejects.toMatchObject({ status: 422, code: "OUT_OF_RANGE" });
  });

  it("splits more events than a batch, and counts indexes over all of them", async () => {
    const rejected = { index: 3, status: "rejected", code: "TOO_OLD" };
    script = [taken(10_000), taken(4, 0, [rejected])];
    const result = await createSender({ url })(Array.from({ length: 10_005 }, () => event()));
    expect(seen.map(({ lines }) => lines.length)).toEqual([10_000, 5]);
    expect(result).toEqual({ accepted: 10_004, rejected: [{ index: 10_003, code: "TOO_OLD" }] });
    expect(seen[0]?.batchId).not.toBe(seen[1]?.batchId);
  });

  it("continues after a broken connection", async () => {
    script = ["cut", taken(1)];
    expect(await createSender({ url })([event()])).toEqual({ accepted: 1, rejected: [] });
    expect(seen).toHaveLength(2);
  });
});
