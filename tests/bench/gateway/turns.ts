import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { renderTable } from "@fiberstream/terminal/table";
import { startTestIntake } from "@fiberstream/ingest-gateway/testing/intake-fixture";

const MB = 1024 ** 2;
const EVENTS = 10_000;
/** The first round is for warming up the compiler. */
const ROUNDS = 5;

type Body = {
  readonly name: string;
  readonly bytes: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * Measures the longest turn of the gateway's event loop while it handles the largest batch or a hostile one: all other
 * requests wait for so long. It is measured in CPU time of the thread, which does not depend on other load of the
 * machine, and without the Kafka client.
 *
 * @returns the table, as text
 */
export async function measureTurns(): Promise<string> {
  const intake = await startTestIntake({
    produce: (events) => Promise.resolve(events.map(() => "accepted")),
  });
  // A separate thread, so that the sender is not measured.
  const sender = new Worker(SENDER, { eval: true });
  const rows = [["BODY", "SENT KB", "STATUS", "LONGEST TURN ms", "ALL ms"]];
  for (const { name, bytes, headers } of bodies()) {
    let longestMs = 0;
    let allMs = 0;
    let status = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const turns = watchTurns();
      sender.postMessage({ url: `${intake.url}/api/ingest`, body: bytes, headers }, []);
      status = await new Promise<number>((resolve) => sender.once("message", resolve));
      const watched = turns.end();
      if (round === 0) continue;
      longestMs = Math.max(longestMs, watched.longestMs);
      allMs = Math.max(allMs, watched.allMs);
    }
    const sentKb = (bytes.length / 1024).toFixed(0);
    rows.push([name, sentKb, String(status), longestMs.toFixed(1), allMs.toFixed(0)]);
  }
  await sender.terminate();
  await intake.close();
  return `${renderTable(rows)}\n`;
}

const SENDER = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", async ({ url, body, headers }) => {
  const answer = await fetch(url, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });
  await answer.text();
  parentPort.postMessage(answer.status);
});`;

function watchTurns() {
  const beganMs = cpuMs();
  let lastMs = beganMs;
  let longestMs = 0;
  let isOver = false;
  const look = () => {
    const nowMs = cpuMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  return {
    end: () => {
      look();
      isOver = true;
      return { longestMs, allMs: cpuMs() - beganMs };
    },
  };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function bodies(): Body[] {
  const largest = Buffer.from(JSON.stringify({ metrics: Array.from({ length: EVENTS }, event) }));
  const rejected = JSON.stringify(
    Array.from({ length: EVENTS }, () => ({ node_id: "x".repeat(900) })),
  );
  const gzip = { "content-encoding": "gzip" };
  const packed = (text: string) => gzipSync(text.repeat((10 * MB) / text.length));
  return [
    { name: "10,000 events, 10 MB", bytes: largest },
    { name: "the same in gzip", bytes: gzipSync(largest), headers: gzip },
    { name: "10,000 bad events", bytes: Buffer.from(rejected) },
    { name: "endless nesting", bytes: packed("["), headers: gzip },
    { name: "empty lists", bytes: gzipSync(`[${"[],".repeat(3 * MB)}`), headers: gzip },
    { name: "empty objects", bytes: gzipSync(`[${"{},".repeat(3 * MB)}`), headers: gzip },
    {
      name: "blank lines",
      bytes: packed("\n"),
      headers: { ...gzip, "content-type": "application/x-ndjson" },
    },
  ];
}

/** Returns an event of about 1,040 bytes, of which half is compressible. */
const event = (_: unknown, number: number) => ({
  node_id: `bench-${number % 1_000}`,
  country: "GH",
  region: "Greater Accra",
  latency_ms: 42.75,
  uptime_pct: 99.9,
  packet_loss: 0.5,
  timestamp: new Date(Date.now() - number).toISOString(),
  target_host: "one.example.net",
  probe_type: "ping",
  metadata: { version: "2.1.0", note: randomBytes(395).toString("hex") },
});
