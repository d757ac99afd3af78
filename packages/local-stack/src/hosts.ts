import { connect } from "node:net";

const STANDARD_PORTS: Record<string, number> = {
  "http:": 80,
  "https:": 443,
  "redis:": 6379,
  "rediss:": 6379,
  "postgresql:": 5432,
  "postgres:": 5432,
};

/** Returns the hosts and ports of a URL, or of a list of brokers. */
export function hostsOf(address: string): { host: string; port: number }[] {
  if (address.includes("://")) {
    const { hostname, port, protocol } = new URL(address);
    return [{ host: hostname, port: port ? Number(port) : (STANDARD_PORTS[protocol] ?? 0) }];
  }
  return address.split(",").map((broker) => {
    const { hostname, port } = new URL(`kafka://${broker.trim()}`);
    return { host: hostname, port: Number(port || 9092) };
  });
}

/** Returns whether the port accepts a connection within 2 s. */
export function answers(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: 2_000 });
  socket
    .on("connect", () => resolve(true))
    .on("timeout", () => resolve(false))
    .on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
