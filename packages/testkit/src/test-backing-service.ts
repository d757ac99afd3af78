/** The programs that FiberStream stands on. */
export const BACKING_SERVICE_KINDS = ["kafka", "registry", "redis", "postgres"] as const;
export type BackingServiceKind = (typeof BACKING_SERVICE_KINDS)[number];

/** A backing service for tests, whether it runs natively or in a container. */
export type TestBackingService = {
  /** As the services' settings take it; stays the same over every stop and start. */
  readonly address: string;
  /** Ends it cleanly; what it has acknowledged is there after the next start. */
  readonly stop: () => Promise<void>;
  /** Ends it by SIGKILL. */
  readonly kill: () => Promise<void>;
  /** Stops its work as SIGSTOP does, without its knowing, until `thaw`. */
  readonly freeze: () => Promise<void>;
  readonly thaw: () => Promise<void>;
  /** Starts it again, on the same port and data. */
  readonly start: () => Promise<void>;
};

/** Ports for a backing service: its own, and a second one for those that have an inner side. */
export type BackingServicePorts = { readonly port: number; readonly innerPort: number };

/** How services are told of each backing service. PostgreSQL's is the server: tests make databases of their own. */
export const addressOf: Record<BackingServiceKind, (port: number) => string> = {
  kafka: (port) => `localhost:${port}`,
  registry: (port) => `http://localhost:${port}/apis/ccompat/v7`,
  redis: (port) => `redis://localhost:${port}`,
  postgres: (port) => `postgresql://postgres:postgres@localhost:${port}/postgres`,
};

/** Where a backing service is kept and what stands around it. */
export type BackingServicePlace = {
  readonly ports: BackingServicePorts;
  /** Absolute; for the data and log of a backing service that runs natively. */
  readonly folder: string;
  readonly onProgress: (progress: string) => void;
  /** Kafka's alone: further ways in, each advertised as the proxy's port in front of it. */
  readonly listeners?: readonly { readonly port: number; readonly advertisedPort: number }[];
  /** Kafka's alone: which of several nodes this is. They run natively only. */
  readonly cluster?: { readonly nodeId: number; readonly controllerPorts: readonly number[] };
};
