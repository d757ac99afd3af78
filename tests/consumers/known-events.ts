import type { ProbeEvent } from "@fiberstream/client";

/** A satellite emoji: one character, two UTF-16 units and four bytes in UTF-8. */
const LONG = "🛰";
const MINUTE_MS = 60_000;

/**
 * Returns events at the limits of what the gateway accepts: numbers, texts, missing values, and times in every format.
 * Each has its own node.
 *
 * @param nowMs their times are around this time
 */
export function edgeEvents(nowMs: number): ProbeEvent[] {
  const at = (offsetMs: number, micros: string) =>
    new Date(nowMs + offsetMs).toISOString().replace(/\.\d+Z$/, `.${micros}Z`);
  const event = (name: string, fields: Partial<ProbeEvent> = {}): ProbeEvent => ({
    node_id: `edge-${name}`,
    country: "GH",
    region: "Greater Accra",
    latency_ms: 42.75,
    uptime_pct: 99.9,
    packet_loss: 0.5,
    timestamp: at(-MINUTE_MS, "123457"),
    ...fields,
  });
  return [
    event("plain"),
    event("zeros", { latency_ms: 0, uptime_pct: 0, packet_loss: 0 }),
    event("tops", { latency_ms: 10_000, uptime_pct: 100, packet_loss: 100 }),
    event("smallest-double", { latency_ms: 5e-324, packet_loss: Number.MIN_VALUE }),
    event("long-doubles", { latency_ms: 0.1 + 0.2, uptime_pct: 100 / 3, packet_loss: 1e-7 }),
    event("outage", {
      latency_ms: null,
      packet_loss: 100,
      sent: 10,
      received: 0,
      error: "timeout",
    }),
    event("outage-at-once", { latency_ms: null, packet_loss: 0, rtts_ms: [], error: "other" }),
    event("details", {
      sent: 1_000_000,
      received: 999_999,
      rtt_min_ms: 5e-324,
      rtt_max_ms: 10_000,
      rtt_stddev_ms: 0.1 + 0.2,
      jitter_ms: 0,
      rtts_ms: Array.from({ length: 20 }, (_, packet) => (packet * 100) / 7),
      error: "http",
    }),
    event("first-microsecond", { timestamp: at(-MINUTE_MS, "000001") }),
    event("last-microsecond", { timestamp: at(-MINUTE_MS, "999999") }),
    event("no-fraction", { timestamp: at(-MINUTE_MS, "000000").replace(".000000", "") }),
    event("with-offset", { timestamp: withOffset(nowMs - MINUTE_MS, "654321") }),
    event("nearly-too-old", { timestamp: at(-(7 * 24 * 60 - 30) * MINUTE_MS, "000009") }),
    event("ahead", { timestamp: at(2 * MINUTE_MS, "500000") }),
    event("nulls", { target_host: null, metadata: null }),
    event("all-fields", { target_host: "one.example.net", probe_type: "http", metadata: { a: 1 } }),
    event("letters-日本-ñ", {
      region: "Île-de-France · Москва · 東京",
      target_host: "münchen.example",
    }),
    event("right-to-left", { region: "القاهرة الكبرى", metadata: { مفتاح: "قيمة" } }),
    event("beyond-the-plane", {
      region: "👩‍🚀 e\u0301 \u{1F1EC}\u{1F1ED}",
      target_host: "🛰.example",
    }),
    event("quotes", {
      region: `a"b'c\\d/</script>&amp;end`,
      metadata: { text: `a"b'c\\d/</script>&amp;\t\n\r\u0001\u2028\u2029end` },
    }),
    event("long-region", { region: LONG.repeat(100) }),
    event("long-host", { target_host: LONG.repeat(255), probe_type: LONG.repeat(50) }),
    { ...event("long-name"), node_id: LONG.repeat(50) },
    event("deep", {
      metadata: { deep: { list: [1, 2.5, 1e21, null, true, "ünï", { x: [] }] }, empty: {} },
    }),
  ];
}

/** Returns many plain events of some nodes, oldest first, each a millisecond and a microsecond after the one before. */
export function bulkEvents(nowMs: number, count: number): ProbeEvent[] {
  const beginMs = nowMs - 10 * MINUTE_MS;
  return Array.from({ length: count }, (_, index) => ({
    node_id: `bulk-${index % 50}`,
    country: "KE",
    region: "Nairobi",
    latency_ms: 20 + (index % 97) / 7,
    uptime_pct: 100 - (index % 3),
    packet_loss: (index % 11) / 11,
    timestamp: new Date(beginMs + index)
      .toISOString()
      .replace("Z", `${String(index % 1_000).padStart(3, "0")}Z`),
  }));
}

/** Returns a time with the offset of Kolkata. */
const withOffset = (ms: number, micros: string) =>
  new Date(ms + 330 * MINUTE_MS).toISOString().replace(/\.\d+Z$/, `.${micros}+05:30`);
