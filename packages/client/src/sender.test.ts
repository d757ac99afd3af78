import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { ProbeEvent } from "./probe-event.ts";
import { createSender, SendError } from "./sender.ts";

type Step = "cut" | { status: number; body: object };
type Seen = { batchId: unknown; token: unknown; lines: string[] };

let server: Server;
let url: string;
/** What the gateway answers to one try after the other; "cut" ends the connection instead. */
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
      response.end(JSON.stringify(step.body));
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
const taken = (accepted: number, retry = 0, results: object[] = []) => ({
  status: 202,
  body: { data: { accepted, retry }, results },
});

describe("sender", () => {
  it("sends the same batch again after what may pass, until all of it is in", async () => {
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

  it("says of each rejected event where and why, also when all of them are", async () => {
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

  it("does not send again what is refused, and gives up after its tries", async () => {
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
    await expect(givenUp).rejects.toThrow("given up after 2 tries: 503");
  });

  it("splits what is more than a batch, and counts places over all of it", async () => {
    const rejected = { index: 3, status: "rejected", code: "TOO_OLD" };
    script = [taken(10_000), taken(4, 0, [rejected])];
    const result = await createSender({ url })(Array.from({ length: 10_005 }, () => event()));
    expect(seen.map(({ lines }) => lines.length)).toEqual([10_000, 5]);
    expect(result).toEqual({ accepted: 10_004, rejected: [{ index: 10_003, code: "TOO_OLD" }] });
    expect(seen[0]?.batchId).not.toBe(seen[1]?.batchId);
  });

  it("goes on after a broken connection", async () => {
    script = ["cut", taken(1)];
    expect(await createSender({ url })([event()])).toEqual({ accepted: 1, rejected: [] });
    expect(seen).toHaveLength(2);
  });
});
