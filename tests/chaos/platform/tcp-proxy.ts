import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** How a link behaves. */
export type LinkState =
  | { readonly kind: "open" }
  /** Connections are reset, also new ones. */
  | { readonly kind: "cut" }
  /** Nothing passes, silently; delayed data is delivered when the link opens again. */
  | { readonly kind: "stalled" }
  /** Like stalled, but the data is dropped, and the connections are reset when the link opens again. */
  | { readonly kind: "half-open" }
  /** Requests arrive, answers are dropped; then connections are reset. */
  | { readonly kind: "unanswered" }
  | { readonly kind: "slow"; readonly delayMs: number; readonly bytesPerSecond: number };

export type TcpProxy = {
  readonly set: (state: LinkState) => void;
  readonly close: () => Promise<void>;
};

const OPEN: LinkState = { kind: "open" };
/** A slow link forwards data in steps of this length. */
const STEP_MS = 20;
/** Limit of queued bytes, after which the sender has to wait, as with a full socket. */
const MAX_QUEUED_BYTES = 256 * 1_024;

/** Starts a proxy from one port of this machine to another, whose behaviour depends on the link's state. */
export async function startTcpProxy(ports: { port: number; to: number }): Promise<TcpProxy> {
  let state = OPEN;
  const connections = new Set<Connection>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    if (state.kind === "cut") return void client.on("error", ignore).resetAndDestroy();
    const connection = createConnection(client, ports.to, () => state);
    connections.add(connection);
    client.on("close", () => connections.delete(connection));
  });
  server.listen(ports.port, "127.0.0.1");
  await once(server, "listening");

  const resetAll = () => connections.forEach((connection) => connection.reset());
  return {
    set: (next) => {
      const before = state;
      state = next;
      const hasLost = before.kind === "half-open" || before.kind === "unanswered";
      if (next.kind === "cut" || hasLost) resetAll();
      connections.forEach((connection) => connection.wake());
    },
    close: async () => {
      const closed = once(server, "close");
      server.close();
      resetAll();
      await closed;
    },
  };
}

type Connection = { readonly reset: () => void; readonly wake: () => void };

function createConnection(client: Socket, to: number, stateOf: () => LinkState): Connection {
  const server = connect({ port: to, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const reset = () => {
    client.resetAndDestroy();
    server.resetAndDestroy();
  };
  const backStateOf = (): LinkState =>
    stateOf().kind === "unanswered" ? { kind: "half-open" } : stateOf();
  const ways = [carry(client, server, stateOf), carry(server, client, backStateOf)];
  for (const socket of [client, server]) socket.on("error", reset);
  return { reset, wake: () => ways.forEach((wake) => wake()) };
}

/**
 * Forwards data in one direction.
 * @returns a function to call when the link's state has changed
 */
function carry(from: Socket, into: Socket, stateOf: () => LinkState): () => void {
  const queue: { bytes: Buffer; dueMs: number }[] = [];
  let queuedBytes = 0;
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;

  const forward = () => {
    timer = undefined;
    const state = stateOf();
    if (state.kind === "stalled" || state.kind === "half-open" || into.destroyed) return;
    let allowance =
      state.kind === "slow" ? Math.ceil((state.bytesPerSecond * STEP_MS) / 1_000) : Infinity;
    const nowMs = performance.now();
    for (let [first] = queue; first !== undefined && allowance > 0; [first] = queue) {
      if (state.kind === "slow" && first.dueMs > nowMs) break;
      const part = first.bytes.subarray(0, Math.min(first.bytes.length, allowance));
      first.bytes = first.bytes.subarray(part.length);
      if (first.bytes.length === 0) queue.shift();
      allowance -= part.length;
      queuedBytes -= part.length;
      into.write(part);
    }
    if (queuedBytes < MAX_QUEUED_BYTES) from.resume();
    if (queue.length > 0) timer = setTimeout(forward, STEP_MS);
    else if (hasEnded) into.end();
  };

  from.on("data", (bytes) => {
    const state = stateOf();
    if (state.kind === "half-open") return;
    if (passesAll(state) && queue.length === 0) {
      if (!into.write(bytes)) from.pause();
      return;
    }
    const delayMs = state.kind === "slow" ? state.delayMs : 0;
    queue.push({ bytes, dueMs: performance.now() + delayMs });
    queuedBytes += bytes.length;
    if (queuedBytes >= MAX_QUEUED_BYTES) from.pause();
    timer ??= setTimeout(forward, STEP_MS);
  });
  into.on("drain", () => {
    if (queuedBytes < MAX_QUEUED_BYTES) from.resume();
  });
  from.on("end", () => {
    hasEnded = true;
    forward();
  });
  from.on("close", () => {
    clearTimeout(timer);
    // The other side of a half-open link does not notice the end.
    if (!hasEnded && stateOf().kind !== "half-open") into.destroy();
  });
  return forward;
}

/** Returns whether a link forwards data to the server. */
const passesAll = ({ kind }: LinkState) => kind === "open" || kind === "unanswered";

const ignore = () => undefined;
