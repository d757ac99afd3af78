/**
 * Returns the network that an address counts for where senders are counted by address: of IPv6 its first 64 bits, because
 * one sender usually has all addresses of a /64; of IPv4 the address itself, also when it is written as IPv6
 * (`::ffff:192.0.2.1`).
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(?=\d+\.)(.+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail = ""] = address.split("::");
  const [first, last] = [groupsOf(head), groupsOf(tail)];
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill("0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
}

const groupsOf = (part: string): string[] => (part === "" ? [] : part.split(":"));
