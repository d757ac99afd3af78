/** A second way in, whose clients are told to come to `advertisedPort`: to a proxy in front of it. */
export type KafkaListener = { readonly port: number; readonly advertisedPort: number };

/** A node among several. */
export type KafkaCluster = {
  /** From 1. */
  readonly nodeId: number;
  /** Of all nodes, in the order of their ids. */
  readonly controllerPorts: readonly number[];
};

export type KafkaPlace = {
  readonly port: number;
  readonly controllerPort: number;
  readonly listeners?: readonly KafkaListener[];
  /** None for a node that is alone. */
  readonly cluster?: KafkaCluster | undefined;
  /** Each node has the list of all controllers; else it finds them by asking any of these. */
  readonly hasFixedControllers?: boolean;
};

/** A node that is alone is a cluster of one. */
export const placeInCluster = ({ controllerPort, cluster }: KafkaPlace): KafkaCluster =>
  cluster ?? { nodeId: 1, controllerPorts: [controllerPort] };

/**
 * server.properties. Internal topics have few partitions, and a group starts at once. Everything is kept
 * three times, two of them in sync, where there are three nodes, else once.
 *
 * @param options.protection lines over those that a Kafka has otherwise
 */
export function serverProperties(
  options: KafkaPlace & { protection?: { readonly properties: Readonly<Record<string, string>> } },
): string {
  const { port, controllerPort, listeners = [], protection } = options;
  const { nodeId, controllerPorts } = placeInCluster(options);
  const [replicas, inSync] = controllerPorts.length < 3 ? [1, 1] : [3, 2];
  const all = [
    { name: "PLAINTEXT", port, advertisedPort: port },
    { name: "CONTROLLER", port: controllerPort, advertisedPort: controllerPort },
    ...listeners.map(({ port: own, advertisedPort }, at) => ({
      name: `LINK${at}`,
      port: own,
      advertisedPort,
    })),
  ];
  return `${Object.entries({
    "process.roles": "broker,controller",
    "node.id": nodeId,
    listeners: all.map((one) => `${one.name}://127.0.0.1:${one.port}`),
    // An address every client on this machine agrees on; localhost may mean ::1 to some.
    "advertised.listeners": all
      // A fixed list has the controllers' addresses; Kafka refuses them here then.
      .filter(({ name }) => name !== "CONTROLLER" || options.hasFixedControllers !== true)
      .map((one) => `${one.name}://127.0.0.1:${one.advertisedPort}`),
    "listener.security.protocol.map": all.map(({ name }) => `${name}:PLAINTEXT`),
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    ...controllersOf(options),
    "log.dirs": "/data/log",
    "auto.create.topics.enable": false,
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": 4,
    // 30 days, longer than any topic that a group reads is kept.
    "offsets.retention.minutes": 43_200,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": 4,
    // An open transaction that is past its time holds back readers until it is looked at.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": inSync,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "num.network.threads": 2,
    "num.io.threads": 4,
    ...protection?.properties,
  })
    .map(([name, value]) => `${name}=${String(value)}`)
    .join("\n")}\n`;
}

function controllersOf(place: KafkaPlace): Readonly<Record<string, readonly string[]>> {
  const addresses = placeInCluster(place).controllerPorts.map((port) => `127.0.0.1:${port}`);
  return place.hasFixedControllers === true
    ? { "controller.quorum.voters": addresses.map((address, at) => `${at + 1}@${address}`) }
    : { "controller.quorum.bootstrap.servers": addresses };
}

/** Who votes when the storage is formatted, as kafka-storage.sh takes it; the same for each node. */
export const initialControllers = (controllerPorts: readonly number[]): string =>
  controllerPorts.map((port, at) => `${at + 1}@127.0.0.1:${port}:${directoryId(at + 1)}`).join(",");

/** A node's storage directory has a UUID, in base64; every node has to know it of every other. */
const directoryId = (nodeId: number): string =>
  Buffer.from(`fiberstream-${String(nodeId).padStart(4, "0")}`).toString("base64url");
