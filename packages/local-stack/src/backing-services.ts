/** What the services stand on, by the names of their containers, data folders and logs. */
export const BACKING_SERVICES = ["redis", "kafka", "postgres", "registry", "prometheus"] as const;
export type BackingServiceName = (typeof BACKING_SERVICES)[number];

/** Something that was started, whichever way. */
export type Started = {
  /** Unknown for what runs in a container or belongs to somebody else. */
  readonly pid?: number;
  /** Settles when it has ended, whoever ended it; says how. Never, for what is not ours to restart. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
};
