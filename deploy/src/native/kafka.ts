import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { requireFreePort } from "./port-owner.ts";
import { type Part, type PartOptions, startPart } from "./part.ts";
import { runSandboxed } from "./sandbox.ts";

/** The quick compiler only: it starts sooner, and what a development load asks for is no more. */
const JAVA = [
  "java",
  "-Xmx512m",
  "-XX:TieredStopAtLevel=1",
  "-XX:+UseSerialGC",
  "-Djava.awt.headless=true",
  "-Dlog4j2.configurationFile=/data/log4j2.properties",
  "-cp",
  "/opt/kafka/*",
] as const;

/** A second way in, whose clients are told to come to `advertisedPort`: to a proxy in front of it. */
export type KafkaListener = { readonly port: number; readonly advertisedPort: number };

/** What a Kafka that knows its users has on top. */
export type KafkaProtection = {
  /** Lines of server.properties, over those that a Kafka has otherwise. */
  readonly properties: Readonly<Record<string, string>>;
  /** For the JVM. */
  readonly javaArguments: readonly string[];
  /** For the formatting of its storage, such as the first users. */
  readonly formatArguments: readonly string[];
  /** To a listener that answers without SASL, for the look whether it is ready. */
  readonly connect: () => Socket;
};

/** Kafka 4, one KRaft node that is broker and controller. */
export async function startKafka(
  options: PartOptions & {
    controllerPort: number;
    listeners?: readonly KafkaListener[];
    protection?: KafkaProtection;
  },
): Promise<Part> {
  const { root, port, controllerPort, listeners = [], dataDir, logFile, protection } = options;
  await requireFreePort({ number: controllerPort, setting: "KAFKA_CONTROLLER_PORT" });
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(
    join(dataDir, "server.properties"),
    properties(port, controllerPort, listeners, protection?.properties),
  );
  writeFileSync(join(dataDir, "log4j2.properties"), LOGGING);
  if (!existsSync(join(dataDir, "log", "meta.properties"))) {
    await runSandboxed(root, "Formatting Kafka's storage", {
      user: "kafka",
      // A fixed cluster ID: one node, never joined by another.
      command: [
        ...JAVA,
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "--cluster-id",
        "ZmliZXJzdHJlYW0tMQ",
        "--config",
        "/data/server.properties",
        ...(protection?.formatArguments ?? []),
      ],
      dataDir,
      logFile,
    });
  }
  return startPart({
    name: "Kafka",
    portSetting: "KAFKA_PORT",
    options,
    sandboxed: {
      user: "kafka",
      command: [
        JAVA[0],
        ...(protection?.javaArguments ?? []),
        ...JAVA.slice(1),
        "kafka.Kafka",
        "/data/server.properties",
      ],
    },
    stopSignal: "SIGTERM",
    isReady: () => listsItself(protection?.connect ?? (() => connect({ host: "127.0.0.1", port }))),
  });
}

/** One node: everything internal is kept once, in few partitions, and a group starts at once. */
function properties(
  port: number,
  controllerPort: number,
  listeners: readonly KafkaListener[],
  protection: KafkaProtection["properties"] = {},
): string {
  const all = [
    { name: "PLAINTEXT", port, advertisedPort: port },
    { name: "CONTROLLER", port: controllerPort, advertisedPort: controllerPort },
    ...listeners.map((listener, at) => ({ name: `LINK${at}`, ...listener })),
  ];
  return `${Object.entries({
    "process.roles": "broker,controller",
    "node.id": 1,
    listeners: all.map((one) => `${one.name}://127.0.0.1:${one.port}`),
    // An address every client on this machine agrees on; localhost may mean ::1 to some.
    "advertised.listeners": all.map((one) => `${one.name}://127.0.0.1:${one.advertisedPort}`),
    "listener.security.protocol.map": all.map(({ name }) => `${name}:PLAINTEXT`),
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controllerPort}`,
    "log.dirs": "/data/log",
    "auto.create.topics.enable": false,
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "num.network.threads": 2,
    "num.io.threads": 4,
    ...protection,
  })
    .map(([name, value]) => `${name}=${String(value)}`)
    .join("\n")}\n`;
}

const LOGGING = `rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %m (%c)%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
`;

/** Metadata v4 for no topic at all: correlation id 1, no client id, empty list, no creation. */
const METADATA_REQUEST = Buffer.from("0000000f0003000400000001ffff0000000000", "hex");

/**
 * Whether the broker names itself among the live ones. It accepts connections earlier, while the
 * controller still fences it and a first produce would fail.
 */
function listsItself(connectTo: () => Socket): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connectTo();
  let answer = Buffer.alloc(0);
  socket
    .on("connect", () => socket.write(METADATA_REQUEST))
    .on("data", (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      // size, correlation id and throttle time precede the number of brokers.
      if (answer.length >= 16) resolve(answer.readInt32BE(12) > 0);
    })
    .on("error", reject)
    .on("close", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
