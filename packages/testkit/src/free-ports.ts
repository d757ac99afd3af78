import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the range for outgoing connections (from 32768), so that none of them uses the port before its server
 * listens.
 */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/**
 * Returns ports on 127.0.0.1 on which no TCP server listens, in a random order. No other call on this machine returns
 * them while this process runs: a port is chosen long before its server listens, and is used again after a restart.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    // Reserved first, because the check listens for a moment, and the owner of the port could then fail to listen.
    if ((await reserve(port)) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  return port;
}

/**
 * Reserves a port with a UDP socket of the same number: every process sees it, it does not conflict with the TCP
 * server, and the kernel closes it when this process ends.
 */
async function reserve(port: number): Promise<boolean> {
  const socket = createSocket("udp4").unref();
  const bound = once(socket, "listening");
  socket.bind({ port, address: "127.0.0.1", exclusive: true });
  try {
    await bound;
    return true;
  } catch {
    socket.close();
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, "listening");
  server.listen(port, "127.0.0.1");
  try {
    await listening;
    return true;
  } catch {
    return false;
  } finally {
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    await closed.promise;
  }
}
