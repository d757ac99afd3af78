import {
  GenericContainer,
  getContainerRuntimeClient,
  type StartedTestContainer,
  Wait,
} from "testcontainers";
import { IMAGES } from "@fiberstream/local-stack/images";
import { kafkaVersion } from "../config.ts";
import {
  addressOf,
  type BackingServiceKind,
  type TestBackingServiceOptions,
  type TestBackingService,
} from "./test-backing-service.ts";

const kafkaImage = ({ version }: { readonly version?: string }) =>
  version === undefined ? IMAGES.kafka : IMAGES.kafka.replace(/:.*/, `:${version}`);

type ContainerOptions = Pick<TestBackingServiceOptions, "ports" | "listeners">;

/** Containers with fixed host ports: otherwise a restarted container would have another port. */
const CONTAINERS: Record<BackingServiceKind, (setup: ContainerOptions) => GenericContainer> = {
  kafka: ({ ports: { port }, listeners = [] }) =>
    new GenericContainer(kafkaImage(kafkaVersion()))
      .withExposedPorts(
        { container: 9092, host: port },
        ...listeners.map((listener) => ({ container: listener.port, host: listener.port })),
      )
      .withEnvironment({
        KAFKA_NODE_ID: "1",
        KAFKA_PROCESS_ROLES: "broker,controller",
        KAFKA_LISTENERS: [
          "PLAINTEXT://:9092",
          "CONTROLLER://:9093",
          ...listeners.map((listener, at) => `LINK${at}://:${listener.port}`),
        ].join(","),
        KAFKA_ADVERTISED_LISTENERS: [
          `PLAINTEXT://localhost:${port}`,
          ...listeners.map(({ advertisedPort }, at) => `LINK${at}://127.0.0.1:${advertisedPort}`),
        ].join(","),
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: [
          "PLAINTEXT:PLAINTEXT",
          "CONTROLLER:PLAINTEXT",
          ...listeners.map((_, at) => `LINK${at}:PLAINTEXT`),
        ].join(","),
        KAFKA_INTER_BROKER_LISTENER_NAME: "PLAINTEXT",
        KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
        KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
        KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1",
        KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: "4",
        KAFKA_OFFSETS_RETENTION_MINUTES: "43200",
        KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS: "1000",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1",
        KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: "4",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0",
      })
      .withWaitStrategy(Wait.forLogMessage("Kafka Server started")),
  registry: ({ ports: { port } }) =>
    new GenericContainer(IMAGES.registry)
      .withExposedPorts({ container: 8080, host: port })
      .withEnvironment({
        APICURIO_STORAGE_KIND: "sql",
        APICURIO_STORAGE_SQL_KIND: "h2",
        APICURIO_DATASOURCE_URL: "jdbc:h2:file:/tmp/registry",
        APICURIO_RULES_GLOBAL_COMPATIBILITY: "FULL_TRANSITIVE",
      })
      .withWaitStrategy(Wait.forHttp("/apis/ccompat/v7/subjects", 8080)),
  redis: ({ ports: { port } }) =>
    new GenericContainer(IMAGES.redis)
      .withExposedPorts({ container: 6379, host: port })
      .withCommand(["redis-server", "--appendonly", "yes"])
      .withWaitStrategy(Wait.forLogMessage("Ready to accept connections")),
  postgres: ({ ports: { port } }) =>
    new GenericContainer(IMAGES.postgres)
      .withExposedPorts({ container: 5432, host: port })
      .withEnvironment({ POSTGRES_PASSWORD: "postgres", TIMESCALEDB_TELEMETRY: "off" })
      // The image starts the server twice; the first start is only for the initialization.
      .withWaitStrategy(Wait.forLogMessage("database system is ready to accept connections", 2)),
};

/** Starts a backing service in a container. Testcontainers removes it when this process has ended. */
export async function startContainerBackingService(
  kind: BackingServiceKind,
  setup: ContainerOptions,
): Promise<TestBackingService> {
  const container = await CONTAINERS[kind](setup).start();
  return {
    address: addressOf[kind](setup.ports.port),
    stop: async () => (await handleOf(container)).stop().then(() => undefined),
    kill: async () => (await handleOf(container)).kill().then(() => undefined),
    freeze: async () => (await handleOf(container)).pause().then(() => undefined),
    thaw: async () => (await handleOf(container)).unpause().then(() => undefined),
    start: () => container.restart(),
  };
}

/** Returns the engine's handle of the container: `stop` of testcontainers would remove it with its data. */
async function handleOf(container: StartedTestContainer) {
  const { container: client } = await getContainerRuntimeClient();
  return client.getById(container.getId());
}
