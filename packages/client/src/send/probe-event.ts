/** An event as a probe sends it over HTTP. */
export type ProbeEvent = {
  /** 1 to 50 characters. */
  readonly node_id: string;
  /** Two capital letters (ISO 3166-1 alpha-2). */
  readonly country: string;
  /** 1 to 100 characters. */
  readonly region: string;
  /** 0 to 10000. */
  readonly latency_ms: number;
  /** Percent, 0 to 100. */
  readonly uptime_pct: number;
  /** Percent, 0 to 100. */
  readonly packet_loss: number;
  /** ISO 8601 with Z or an offset, with up to microseconds. A Date has only milliseconds. */
  readonly timestamp: string | Date;
  /** Up to 255 characters. */
  readonly target_host?: string | null;
  /** 1 to 50 characters; default "ping". */
  readonly probe_type?: string;
  /** At most 32 levels deep. */
  readonly metadata?: Readonly<Record<string, unknown>> | null;
};
