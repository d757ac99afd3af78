/** The backing services, by the names of their containers, data folders and logs. */
export const BACKING_SERVICES = ["redis", "kafka", "postgres", "registry", "prometheus"] as const;
export type BackingServiceName = (typeof BACKING_SERVICES)[number];

/** A started process or container. */
export type Started = {
  /** Unknown for a container, and for a process that others started. */
  readonly pid?: number;
  /** Resolves with the exit code or signal when it has ended. Never resolves if we must not restart it. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
};
