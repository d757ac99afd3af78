import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import {
  initialControllers,
  type KafkaNode,
  clusterOf,
  serverProperties,
} from "./kafka-properties.ts";
import { hasFixedControllers, mountKafka } from "./kafka-version.ts";
import {
  type BackingService,
  type BackingServiceOptions,
  startBackingService,
} from "../backing-service.ts";
import { requireFreePort } from "../port-owner.ts";
import { RECIPE } from "../recipe.ts";
import { runSandboxed } from "../sandbox.ts";

/** Only the C1 compiler: Kafka starts faster, and that is enough for development. */
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

/** Additional options for a Kafka with authentication. */
export type KafkaProtection = {
  /** Properties that replace the default ones. */
  readonly properties: Readonly<Record<string, string>>;
  /** Arguments of the JVM. */
  readonly javaArguments: readonly string[];
  /** Arguments for formatting the storage, such as the first users. */
  readonly formatArguments: readonly string[];
  /** Connects to a listener without SASL, to check whether Kafka is ready. */
  readonly connect: () => Socket;
};

/**
 * Starts a KRaft node that is broker and controller: a single one, or one of several.
 *
 * @param options.version another version of Kafka, 3.7 or later; it is downloaded at the first use
 */
export async function startKafka(
  options: BackingServiceOptions &
    Omit<KafkaNode, "hasFixedControllers"> & { protection?: KafkaProtection; version?: string },
): Promise<BackingService> {
  const { root, port, dataDir, logFile, protection, version = RECIPE.kafka.version } = options;
  const isFixed = hasFixedControllers(version);
  const mounts = await mountKafka(version);
  const { nodeId, controllerPorts } = clusterOf(options);
  await requireFreePort({ number: options.controllerPort, setting: "KAFKA_CONTROLLER_PORT" });
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(
    join(dataDir, "server.properties"),
    serverProperties({ ...options, hasFixedControllers: isFixed }),
  );
  writeFileSync(join(dataDir, "log4j2.properties"), LOGGING);
  if (!existsSync(join(dataDir, "log", "meta.properties"))) {
    await runSandboxed(root, "Formatting Kafka's storage", {
      user: "kafka",
      // A fixed cluster id, because all nodes run on this machine.
      command: [
        ...JAVA,
        "kafka.tools.StorageTool",
        "format",
        ...(isFixed ? [] : ["--initial-controllers", initialControllers(controllerPorts)]),
        "--cluster-id",
        "ZmliZXJzdHJlYW0tMQ",
        "--config",
        "/data/server.properties",
        ...(protection?.formatArguments ?? []),
      ],
      dataDir,
      logFile,
      mounts,
    });
  }
  return startBackingService({
    name: "Kafka",
    portSetting: "KAFKA_PORT",
    options,
    sandboxed: {
      user: "kafka",
      mounts,
      command: [
        JAVA[0],
        ...(protection?.javaArguments ?? []),
        ...JAVA.slice(1),
        "kafka.Kafka",
        "/data/server.properties",
      ],
    },
    stopSignal: "SIGTERM",
    isReady: () =>
      isListed(nodeId, protection?.connect ?? (() => connect({ host: "127.0.0.1", port }))),
  });
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

/** A Metadata v4 request without topics: correlation id 1, no client id, an empty list, no creation of topics. */
const METADATA_REQUEST = Buffer.from("0000000f0003000400000001ffff0000000000", "hex");

/**
 * Returns whether the broker lists itself as a live broker. It accepts connections earlier, but while the controller
 * still fences it, a produce request fails.
 */
function isListed(nodeId: number, connectTo: () => Socket): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connectTo();
  let answer = Buffer.alloc(0);
  socket
    .on("connect", () => socket.write(METADATA_REQUEST))
    .on("data", (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      const whole = answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0);
      if (whole) resolve(brokersOf(answer).includes(nodeId));
    })
    .on("error", reject)
    .on("close", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** Returns the node ids in a Metadata v4 response: size, correlation id and throttle time, then the brokers. */
function brokersOf(answer: Buffer): number[] {
  const count = answer.readInt32BE(12);
  let at = 16;
  const skipString = () => (at += 2 + Math.max(0, answer.readInt16BE(at)));
  return Array.from({ length: count }, () => {
    const id = answer.readInt32BE(at);
    at += 4;
    skipString(); // host
    at += 4; // port
    skipString(); // rack
    return id;
  });
}
