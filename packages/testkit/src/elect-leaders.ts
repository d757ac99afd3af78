import { once } from "node:events";
import { connect } from "node:net";

/** The type of an election, as in the protocol. An unclean one may take a replica that is not in sync. */
const TYPES = { preferred: "00", unclean: "01" } as const;

/**
 * Asks for an election of the leaders of all partitions, by an ElectLeaders v1 request, which kafkajs does not have:
 * correlation id 1, no client id, all partitions (a null list), timeout 10 s. Any broker forwards it to the controller.
 * Kafka 3.7 elects no unclean leader by itself, whatever unclean.leader.election.enable is.
 *
 * @returns whether a broker accepted it
 */
export async function electLeaders(
  brokers: readonly string[],
  type: keyof typeof TYPES,
): Promise<boolean> {
  const request = Buffer.from(`00000013002b000100000001ffff${TYPES[type]}ffffffff00002710`, "hex");
  for (const broker of brokers) {
    const { hostname, port } = new URL(`kafka://${broker}`);
    const socket = connect({ host: hostname, port: Number(port), timeout: 10_000 });
    socket.on("timeout", () => socket.destroy(new Error("no answer")));
    // Without an error, the promise would never be rejected.
    socket.on("end", () => socket.destroy(new Error("hung up")));
    try {
      socket.write(request);
      const [answer] = (await once(socket, "data")) as [Buffer];
      // Length, correlation id, throttle time, then the error code of the request.
      if (answer.readInt16BE(12) === 0) return true;
    } finally {
      socket.destroy();
    }
  }
  return false;
}
