/** The backing services of FiberStream. */
export const BACKING_SERVICE_KINDS = ["kafka", "registry", "redis", "postgres"] as const;
export type BackingServiceKind = (typeof BACKING_SERVICE_KINDS)[number];

/** A backing service for tests, whether it runs natively or in a container. */
export type TestBackingService = {
  /** In the form of the services' settings; does not change when it is restarted. */
  readonly address: string;
  /** Stops it cleanly; acknowledged data exists after the next start. */
  readonly stop: () => Promise<void>;
  /** Kills it with SIGKILL. */
  readonly kill: () => Promise<void>;
  /** Freezes it with SIGSTOP, until `thaw`. */
  readonly freeze: () => Promise<void>;
  readonly thaw: () => Promise<void>;
  /** Restarts it, with the same port and data. */
  readonly start: () => Promise<void>;
};

/** Ports of a backing service: its own, and an inner one (Kafka's controller, the registry's management port). */
export type BackingServicePorts = { readonly port: number; readonly innerPort: number };

/** Returns the address of each backing service for the services' settings. PostgreSQL's is the server's own database. */
export const addressOf: Record<BackingServiceKind, (port: number) => string> = {
  kafka: (port) => `localhost:${port}`,
  registry: (port) => `http://localhost:${port}/apis/ccompat/v7`,
  redis: (port) => `redis://localhost:${port}`,
  postgres: (port) => `postgresql://postgres:postgres@localhost:${port}/postgres`,
};

/** Ports, data folder and surroundings of a backing service. */
export type TestBackingServiceOptions = {
  readonly ports: BackingServicePorts;
  /** Absolute path, for the data and log of a native backing service. */
  readonly folder: string;
  readonly onProgress: (progress: string) => void;
  /** Kafka only: additional listeners, each of which advertises the port of a proxy in front of it. */
  readonly listeners?: readonly { readonly port: number; readonly advertisedPort: number }[];
  /** Kafka only: the node of a cluster. Clusters run only natively. */
  readonly cluster?: { readonly nodeId: number; readonly controllerPorts: readonly number[] };
};
