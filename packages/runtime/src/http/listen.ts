import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Error codes of a system without IPv6 for `::`. */
const NO_IPV6 = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

/**
 * Listens on an address. `::` means all addresses, IPv4 included; on a system without IPv6 it means all IPv4 addresses,
 * so that one setting works in IPv4, IPv6 and dual-stack clusters.
 * @returns the port
 * @throws the system's error if the address cannot be used
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
