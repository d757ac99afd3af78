import { gzipSync } from "node:zlib";
import type { Drive } from "./scenarios.ts";

/** Number of different events, limited by the driver's memory. */
const MAX_EVENTS = 5_000;

/** Returns requests as bytes, which are created before the measurement. */
export function requestBytes(drive: Drive): Buffer[] {
  const { eventsPerRequest, isCompressed, token } = drive;
  const count = Math.max(10, Math.floor(MAX_EVENTS / eventsPerRequest));
  return Array.from({ length: count }, (_, request) => {
    const events = Array.from({ length: eventsPerRequest }, (_event, index) =>
      event(request * eventsPerRequest + index),
    );
    const text = JSON.stringify(eventsPerRequest === 1 ? events[0] : { metrics: events });
    const body = isCompressed ? gzipSync(text) : Buffer.from(text);
    const head = [
      `POST /api/${eventsPerRequest === 1 ? "push" : "ingest"} HTTP/1.1`,
      "Host: bench",
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
      ...(isCompressed ? ["Content-Encoding: gzip"] : []),
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ];
    return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
  });
}

/** Returns an event of about 280 bytes, as a probe sends it. */
const event = (number: number) => ({
  node_id: `bench-${String(number % 1_000).padStart(4, "0")}`,
  country: "GH",
  region: "Greater Accra",
  latency_ms: 42.75 + (number % 100) / 8,
  uptime_pct: 99.9,
  packet_loss: 0.5,
  timestamp: new Date(Date.now() - number).toISOString().replace("Z", "456Z"),
  target_host: "one.example.net",
  probe_type: "ping",
  metadata: { version: "2.1.0", carrier: "example-net" },
});
