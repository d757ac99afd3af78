import { type HttpConnection, openHttpConnection } from "../harness/http-connection.ts";
import { quantilesOf } from "../harness/quantiles.ts";
import { requestBytes } from "./request-bytes.ts";
import type { Drive, Driven } from "./scenarios.ts";

// A separate process, so that its CPU time is not the gateway's: `node drive.ts '<Drive as JSON>'`.
const drive = JSON.parse(process.argv[2] ?? "{}") as Drive;
process.stdout.write(JSON.stringify(await run(drive)));

/** Sends requests as fast as connections allow, or at a rate, and measures the time of each answer. */
async function run(options: Drive): Promise<Driven> {
  const { connections, seconds, rate } = options;
  const requests = requestBytes(options);
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  let next = 0;
  const free: HttpConnection[] = [];
  /** When the request in flight of each connection was due. */
  const dueOf = new Map<HttpConnection, number>();
  /** Due times of requests that wait for a free connection. */
  const due: number[] = [];
  const beganAt = performance.now();
  const endsAt = beganAt + seconds * 1_000;

  const send = (connection: HttpConnection, since: number) => {
    dueOf.set(connection, since);
    connection.send(requests[next++ % requests.length] ?? Buffer.alloc(0));
  };
  const answered = (connection: HttpConnection, status: string) => {
    const now = performance.now();
    latencies.push(now - (dueOf.get(connection) ?? now));
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (now >= endsAt) {
      connection.close();
      return;
    }
    if (rate === undefined) send(connection, now);
    else {
      const since = due.shift();
      if (since === undefined) free.push(connection);
      else send(connection, since);
    }
  };

  const all = await Promise.all(
    Array.from({ length: connections }, () => openHttpConnection(options, answered)),
  );
  if (rate === undefined) for (const connection of all) send(connection, performance.now());
  else {
    free.push(...all);
    let sent = 0;
    const tick = setInterval(() => {
      const now = performance.now();
      const wanted = ((Math.min(now, endsAt) - beganAt) / 1_000) * rate;
      for (; sent < wanted; sent++) {
        const dueMs = beganAt + (sent / rate) * 1_000;
        const connection = free.pop();
        if (connection === undefined) due.push(dueMs);
        else send(connection, dueMs);
      }
      if (now < endsAt) return;
      clearInterval(tick);
      for (const connection of free.splice(0)) connection.close();
    }, 1);
  }
  await Promise.all(all.map(({ closed }) => closed));
  const { p50Ms, p95Ms, p99Ms } = quantilesOf(latencies);
  return {
    requests: latencies.length,
    seconds: (performance.now() - beganAt) / 1_000,
    statuses,
    p50Ms,
    p95Ms,
    p99Ms,
  };
}
