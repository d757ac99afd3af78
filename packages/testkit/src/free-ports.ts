import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the range that the kernel gives to outgoing connections (from 32768), so that none takes
 * the port between this look and the listening.
 */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/**
 * Ports on 127.0.0.1 that no TCP server listens on, in a random order. No call on this machine gets
 * one of them again while this process lives: a port is chosen long before its server listens, and
 * stays its own over a restart.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    // Reserved first: the look itself listens for a moment, which would fail the port's owner.
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
 * A UDP socket of the same number is the reservation: every process sees it, a TCP server is not in
 * its way, and the kernel ends it with this process.
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
