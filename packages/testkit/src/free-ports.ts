import { createServer } from "node:net";
import { once } from "node:events";

/**
 * Below the range that the kernel gives to outgoing connections (from 32768), so that none takes
 * the port between this look and the listening.
 */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** Ports on 127.0.0.1 that nothing listens on, in a random order, no two the same. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  return port;
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
