import { setTimeout as delay } from "node:timers/promises";
import { NativeError } from "@fiberstream/local-stack/native/native-error";
import { Client } from "pg";

/** After a killed start, Kafka waits up to 30 s for the sessions of its consumers to end. */
const ARRIVAL_TIMEOUT_MS = 60_000;

/** Returns an event as a probe sends it, with the current time. */
export const sampleEvent = (nodeId: string) => ({
  node_id: nodeId,
  country: "DE",
  region: "eu-central",
  latency_ms: 12.4,
  uptime_pct: 99.98,
  packet_loss: 0.1,
  timestamp: new Date().toISOString(),
});

/**
 * Sends one event through the whole platform: HTTP in, row out.
 *
 * @returns milliseconds from the request to the row being visible
 * @throws {NativeError} with the step that failed
 */
export async function sendFirstEvent(options: {
  gatewayUrl: string;
  databaseUrl: string;
}): Promise<number> {
  const { gatewayUrl, databaseUrl } = options;
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const begunMs = performance.now();
    const eventId = await push(gatewayUrl);
    while (!(await hasRow(client, eventId))) {
      if (performance.now() - begunMs > ARRIVAL_TIMEOUT_MS) {
        throw new NativeError(
          `the gateway accepted event ${eventId}, but its row was not in the database within ` +
            `${ARRIVAL_TIMEOUT_MS / 1_000} s. Look at npm run status and npm run logs`,
        );
      }
      await delay(10);
    }
    return performance.now() - begunMs;
  } finally {
    await client.end();
  }
}

async function push(gatewayUrl: string): Promise<string> {
  const answer = await fetch(`${gatewayUrl}/api/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(sampleEvent("local-start")),
  });
  const body = await answer.text();
  if (answer.status !== 202) {
    throw new NativeError(`the gateway did not accept the first event: ${answer.status} ${body}`);
  }
  return (JSON.parse(body) as { event_id: string }).event_id;
}

async function hasRow(client: Client, eventId: string): Promise<boolean> {
  const { rowCount } = await client.query("SELECT FROM metrics WHERE event_id = $1", [eventId]);
  return rowCount === 1;
}
