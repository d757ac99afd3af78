import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What a system without IPv6 answers to `::`. */
const NO_IPV6 = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

/**
 * Listens. `::` is every address, of IPv4 too; where the system has no IPv6 it is every address of IPv4, so that one
 * setting fits clusters of either kind and of both.
 * @returns the port
 * @throws what the system says when it cannot listen there
 */
export async function listen(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (host !== "::" || !NO_IPV6.has(code)) throw error;
    server.listen(port, "0.0.0.0");
    await once(server, "listening");
  }
  return (server.address() as AddressInfo).port;
}
