import { connect, type Socket } from "node:net";
import { requestBytes } from "./request-bytes.ts";
import type { Drive, Driven } from "./scenarios.ts";

// A process of its own, so that its CPU time is not the gateway's: `node drive.ts '<Drive as JSON>'`.
const drive = JSON.parse(process.argv[2] ?? "{}") as Drive;
process.stdout.write(JSON.stringify(await run(drive)));

/** Keeps connections busy, or sends at a rate, and measures each answer. */
async function run(options: Drive): Promise<Driven> {
  const { connections, seconds, rate } = options;
  const requests = requestBytes(options);
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  let next = 0;
  const free: Connection[] = [];
  /** When requests were due that no connection was free for. */
  const due: number[] = [];
  const beganAt = performance.now();
  const endsAt = beganAt + seconds * 1_000;

  const send = (connection: Connection, since: number) => {
    connection.since = since;
    connection.socket.write(requests[next++ % requests.length] ?? "");
  };
  const answered = (connection: Connection, status: string) => {
    const now = performance.now();
    latencies.push(now - connection.since);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (now >= endsAt) {
      connection.socket.destroy();
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
    Array.from({ length: connections }, () => openConnection(options, answered)),
  );
  const closed = all.map(({ socket }) => new Promise((resolve) => socket.once("close", resolve)));
  if (rate === undefined) for (const connection of all) send(connection, performance.now());
  else {
    free.push(...all);
    let sent = 0;
    const tick = setInterval(() => {
      const now = performance.now();
      const wanted = ((Math.min(now, endsAt) - beganAt) / 1_000) * rate;
      for (; sent < wanted; sent++) {
        const connection = free.pop();
        if (connection === undefined) due.push(now);
        else send(connection, now);
      }
      if (now < endsAt) return;
      clearInterval(tick);
      for (const connection of free.splice(0)) connection.socket.destroy();
    }, 1);
  }
  await Promise.all(closed);
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  return {
    requests: latencies.length,
    seconds: (performance.now() - beganAt) / 1_000,
    statuses,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
  };
}

type Connection = { readonly socket: Socket; since: number };

/** Reads answers by their Content-Length; a full HTTP client would cost more than the gateway. */
function openConnection(
  { host, port }: Drive,
  answered: (connection: Connection, status: string) => void,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const connection: Connection = { socket, since: 0 };
    let received = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text;
      const headEnd = received.indexOf("\r\n\r\n");
      if (headEnd === -1) return;
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
      if (received.length < headEnd + 4 + length) return;
      const status = received.slice(9, 12);
      received = received.slice(headEnd + 4 + length);
      answered(connection, status);
    });
    socket.once("connect", () => resolve(connection)).on("error", reject);
  });
}
