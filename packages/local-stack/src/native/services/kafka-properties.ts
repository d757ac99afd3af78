/** An additional listener that advertises `advertisedPort`, the port of a proxy in front of it. */
type KafkaListener = { readonly port: number; readonly advertisedPort: number };

/** One node of a cluster of several. */
export type KafkaCluster = {
  /** From 1. */
  readonly nodeId: number;
  /** The controller ports of all nodes, in the order of their ids. */
  readonly controllerPorts: readonly number[];
};

export type KafkaNode = {
  readonly port: number;
  readonly controllerPort: number;
  readonly listeners?: readonly KafkaListener[];
  /** Undefined for a single node. */
  readonly cluster?: KafkaCluster | undefined;
  /** Each node has a fixed list of all controllers (controller.quorum.voters); otherwise it finds them through bootstrap servers. */
  readonly hasFixedControllers?: boolean;
};

/** Returns the node's cluster; a single node is a cluster of one. */
export const clusterOf = ({ controllerPort, cluster }: KafkaNode): KafkaCluster =>
  cluster ?? { nodeId: 1, controllerPorts: [controllerPort] };

/**
 * Returns server.properties. Internal topics have few partitions, and a group starts without delay. With three nodes
 * there are three replicas of everything, at least two of them in sync; otherwise one.
 *
 * @param options.protection properties that replace the default ones
 */
export function serverProperties(
  options: KafkaNode & { protection?: { readonly properties: Readonly<Record<string, string>> } },
): string {
  const { port, controllerPort, listeners = [], protection } = options;
  const { nodeId, controllerPorts } = clusterOf(options);
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
    // An address that is the same for every client on this machine; localhost may be ::1 for some.
    "advertised.listeners": all
      // With a fixed list of controllers, Kafka rejects their addresses here.
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
    // 30 days: longer than the retention of any topic that a group reads.
    "offsets.retention.minutes": 43_200,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": 4,
    // How often Kafka checks for transactions past their timeout, which block readers of committed records.
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

function controllersOf(node: KafkaNode): Readonly<Record<string, readonly string[]>> {
  const addresses = clusterOf(node).controllerPorts.map((port) => `127.0.0.1:${port}`);
  return node.hasFixedControllers === true
    ? { "controller.quorum.voters": addresses.map((address, at) => `${at + 1}@${address}`) }
    : { "controller.quorum.bootstrap.servers": addresses };
}

/** Returns the option --initial-controllers of kafka-storage.sh; the same for each node. */
export const initialControllers = (controllerPorts: readonly number[]): string =>
  controllerPorts.map((port, at) => `${at + 1}@127.0.0.1:${port}:${directoryId(at + 1)}`).join(",");

/** Returns the UUID of a node's storage directory, in base64; every node has to know those of all others. */
const directoryId = (nodeId: number): string =>
  Buffer.from(`fiberstream-${String(nodeId).padStart(4, "0")}`).toString("base64url");
