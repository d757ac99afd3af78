// Generated from schemas/avro by `npm run generate`; edit the .avsc files instead.

/** One measurement of a network probe as the gateway took it in. */
export type ProbeMetric = {
  /** Identity of the event: UUIDv5 of tenant, node_id, timestamp, probe_type and target_host. Equal ids are repeats of one event. */
  event_id: string;
  /** Whose probe it is. */
  tenant: string;
  /** The probe, one node over all tenants. The key of the record. */
  node_id: string;
  /** Where the probe says it stands: ISO 3166-1 alpha-2. */
  country: string;
  /** Where the probe says it stands, as its owner names regions. */
  region: string;
  /** Measured round-trip time; null when nothing came back. Unit: ms. */
  latency_ms: null | number;
  /** Share of the probe's checks that its target answered. Unit: percent. */
  uptime_pct: number;
  /** Share of packets lost. Unit: percent. */
  packet_loss: number;
  /** When it was measured, by the probe's clock. Unit: us since 1970-01-01T00:00:00Z. */
  timestamp: number;
  /** How many packets or requests the probe sent for this measurement. Unit: packets. */
  sent: null | number;
  /** How many of them were answered. Unit: packets. */
  received: null | number;
  /** The shortest round-trip time of the measurement. Unit: ms. */
  rtt_min_ms: null | number;
  /** The longest round-trip time of the measurement. Unit: ms. */
  rtt_max_ms: null | number;
  /** Standard deviation of the round-trip times of the measurement. Unit: ms. */
  rtt_stddev_ms: null | number;
  /** How much the round-trip time changes from one packet to the next, as the probe computes it. Unit: ms. */
  jitter_ms: null | number;
  /** The round-trip times of single packets, in the order in which they were sent; without those that were lost. Unit: ms. */
  rtts_ms: null | number[];
  /** Why the measurement, or a part of it, failed; null when it did not. */
  error: null | "timeout" | "unreachable" | "refused" | "dns" | "tls" | "http" | "other";
  /** What was measured; null when the probe did not say. */
  target_host: null | string;
  /** How it was measured. */
  probe_type: string;
  /** Anything else that the probe reports: a JSON object. In the record it is text. */
  metadata: null | string;
  /** The relay's region (X-Region-ID); null when it came directly. */
  source_region: null | string;
  /** When the gateway took it in, by the gateway's clock. Unit: us since 1970-01-01T00:00:00Z. */
  received_at: number;
};

/** A ProbeMetric and its node's data. Its first fields are ProbeMetric's in the same order, so that a raw record's bytes are a prefix of its enriched record's. */
export type EnrichedProbeMetric = {
  /** Identity of the event: UUIDv5 of tenant, node_id, timestamp, probe_type and target_host. Equal ids are repeats of one event. */
  event_id: string;
  /** Whose probe it is. */
  tenant: string;
  /** The probe, one node over all tenants. The key of the record. */
  node_id: string;
  /** Where the probe says it stands: ISO 3166-1 alpha-2. */
  country: string;
  /** Where the probe says it stands, as its owner names regions. */
  region: string;
  /** Measured round-trip time; null when nothing came back. Unit: ms. */
  latency_ms: null | number;
  /** Share of the probe's checks that its target answered. Unit: percent. */
  uptime_pct: number;
  /** Share of packets lost. Unit: percent. */
  packet_loss: number;
  /** When it was measured, by the probe's clock. Unit: us since 1970-01-01T00:00:00Z. */
  timestamp: number;
  /** How many packets or requests the probe sent for this measurement. Unit: packets. */
  sent: null | number;
  /** How many of them were answered. Unit: packets. */
  received: null | number;
  /** The shortest round-trip time of the measurement. Unit: ms. */
  rtt_min_ms: null | number;
  /** The longest round-trip time of the measurement. Unit: ms. */
  rtt_max_ms: null | number;
  /** Standard deviation of the round-trip times of the measurement. Unit: ms. */
  rtt_stddev_ms: null | number;
  /** How much the round-trip time changes from one packet to the next, as the probe computes it. Unit: ms. */
  jitter_ms: null | number;
  /** The round-trip times of single packets, in the order in which they were sent; without those that were lost. Unit: ms. */
  rtts_ms: null | number[];
  /** Why the measurement, or a part of it, failed; null when it did not. */
  error: null | "timeout" | "unreachable" | "refused" | "dns" | "tls" | "http" | "other";
  /** What was measured; null when the probe did not say. */
  target_host: null | string;
  /** How it was measured. */
  probe_type: string;
  /** Anything else that the probe reports: a JSON object. In the record it is text. */
  metadata: null | string;
  /** The relay's region (X-Region-ID); null when it came directly. */
  source_region: null | string;
  /** When the gateway took it in, by the gateway's clock. Unit: us since 1970-01-01T00:00:00Z. */
  received_at: number;
  /** Whether the node's data below could be had. */
  enrichment_status: "unknown" | "complete" | "unavailable";
  /** The node's name; null when enrichment was unavailable. */
  node_name: null | string;
  /** The node's status; null when enrichment was unavailable. */
  node_status: null | "unknown" | "registered" | "reporting" | "inactive" | "deleted";
  /** Where the node stands by its registration: ISO 3166-1 alpha-2. */
  node_country: null | string;
  /** The node's region by its registration. */
  node_region: null | string;
  /** The node's city by its registration. */
  node_city: null | string;
  /** The node's latitude (WGS 84). Unit: degrees north. */
  node_lat: null | number;
  /** The node's longitude (WGS 84). Unit: degrees east. */
  node_lng: null | number;
  /** The node's tags; empty when enrichment was unavailable. */
  node_tags: Record<string, string>;
  /** How far the event's time may be trusted. */
  quality: "unknown" | "good" | "late" | "ahead";
  /** received_at minus timestamp; negative when the probe's clock is ahead. Unit: ms. */
  ingest_delay_ms: null | number;
  /** Mean latency of the node's window: its last records before this one that have a latency. Null while the window has too few. Unit: ms. */
  latency_mean_ms: null | number;
  /** Standard deviation of the latency in the node's window. Unit: ms. */
  latency_stddev_ms: null | number;
  /** How many standard deviations the latency is above the window's mean; below it when negative. Null without a latency, too. Unit: standard deviations. */
  latency_z: null | number;
  /** Whether the packet loss is far above the window's. Events of which nothing came back count as 100 percent. */
  packet_loss_spike: boolean;
  /** How unusual the event is for its node, 0 to 1; 0.5 and above is an anomaly. Null while the window has too few records. Unit: score. */
  anomaly_score: null | number;
  /** What makes the event an anomaly: latency or packet_loss. Null when it is none. */
  anomaly_reason: null | string;
};

/** A probe that FiberStream knows: the state after the latest change. */
export type Node = {
  /** The probe, one node over all tenants. The key of the record. */
  node_id: string;
  /** Whose probe it is: the tenant of its latest event. Null while none was stored. */
  tenant: null | string;
  /** Name given at registration. */
  node_name: string;
  /** Name given by an operator. */
  display_name: null | string;
  /** What is known of the node. */
  status: "unknown" | "registered" | "reporting" | "inactive" | "deleted";
  /** ISO 3166-1 alpha-2. */
  country: null | string;
  /** Region as its owner names regions. */
  region: null | string;
  /** City. */
  city: null | string;
  /** Latitude (WGS 84). Unit: degrees north. */
  lat: null | number;
  /** Longitude (WGS 84). Unit: degrees east. */
  lng: null | number;
  /** Free tags. */
  tags: Record<string, string>;
  /** Version of the probe's software. */
  probe_version: null | string;
  /** When the node was registered. Unit: us since 1970-01-01T00:00:00Z. */
  created_at: number;
  /** When the node's data last changed. Unit: us since 1970-01-01T00:00:00Z. */
  updated_at: number;
  /** Counts the changes of the node's data: the higher one is the newer one. Unit: changes. */
  revision: number;
};

/** A node's condition that began or ended. Of one node and kind at most one is open: each opened record is followed by one resolved record with the same alert_id before the next opened one. */
export type ProbeAlert = {
  /** Identity of the alert, together with kind: the event_id of the event that opened it. */
  alert_id: string;
  /** The probe. The key of the record. */
  node_id: string;
  /** What is wrong. */
  kind: "unknown" | "latency" | "packet_loss";
  /** Whether the condition began or ended. */
  state: "unknown" | "opened" | "resolved";
  /** Time of the event that opened or resolved the alert, by the probe's clock. Unit: us since 1970-01-01T00:00:00Z. */
  at: number;
  /** The event that opened or resolved the alert. */
  event_id: string;
  /** What was measured over the last few events: a latency in ms, or a packet loss in percent. Unit: ms or percent, by kind. */
  value: number;
  /** What is usual for the node, in the same unit. Unit: ms or percent, by kind. */
  usual: null | number;
  /** The alert resolves when the value falls below this, in the same unit. Unit: ms or percent, by kind. */
  resolve_below: number;
};

/** An entry of the audit trail, byte for byte as the database has it: who changed what. The entries of an origin are a chain: each contains the hash of the one before it. */
export type AuditEntry = {
  /** Number of the entry, from 1, without gaps. In decimal it is the key of the record. Unit: entries. */
  seq: number;
  /** Which trail it belongs to: the origin of the checkpoints in audit.checkpoints. An operator changes it when a trail has to begin again, for example after the database was restored from a backup. */
  origin: string;
  /** The hash of the entry before it, 64 hexadecimal digits; zeros for the first entry. */
  prev_hash: string;
  /** SHA-256 of a zero byte, the 32 bytes of prev_hash and the bytes of entry, in hexadecimal digits. */
  hash: string;
  /** The entry: JSON in canonical form (RFC 8785). Its UTF-8 bytes are what is hashed. */
  entry: string;
};

/** An event as a probe sends it over HTTP. */
export type ProbeEvent = {
  /** string, 1 to 50 characters, not only spaces. The probe, one node over all tenants. The key of the record. */
  readonly node_id: string;
  /** string, two capital letters. Where the probe says it stands: ISO 3166-1 alpha-2. */
  readonly country: string;
  /** string, 1 to 100 characters, not only spaces. Where the probe says it stands, as its owner names regions. */
  readonly region: string;
  /** number, 0 to 10000 (ms); optional only if packet_loss is 100 or error is given. Measured round-trip time; null when nothing came back. */
  readonly latency_ms?: number | null;
  /** number, 0 to 100 (percent). Share of the probe's checks that its target answered. */
  readonly uptime_pct: number;
  /** number, 0 to 100 (percent). Share of packets lost. */
  readonly packet_loss: number;
  /** ISO 8601 with seconds and `Z` or an offset; microseconds are kept. When it was measured, by the probe's clock. */
  readonly timestamp: string | Date;
  /** optional whole number, 0 to 1000000 (packets). How many packets or requests the probe sent for this measurement. */
  readonly sent?: number | null;
  /** optional whole number, 0 to 1000000 (packets); at most `sent`. How many of them were answered. */
  readonly received?: number | null;
  /** optional number, 0 to 10000 (ms); at most `rtt_max_ms`. The shortest round-trip time of the measurement. */
  readonly rtt_min_ms?: number | null;
  /** optional number, 0 to 10000 (ms). The longest round-trip time of the measurement. */
  readonly rtt_max_ms?: number | null;
  /** optional number, 0 to 10000 (ms). Standard deviation of the round-trip times of the measurement. */
  readonly rtt_stddev_ms?: number | null;
  /** optional number, 0 to 10000 (ms). How much the round-trip time changes from one packet to the next, as the probe computes it. */
  readonly jitter_ms?: number | null;
  /** optional array of up to 20 numbers, 0 to 10000 (ms). The round-trip times of single packets, in the order in which they were sent; without those that were lost. */
  readonly rtts_ms?: readonly number[] | null;
  /** optional one of `timeout`, `unreachable`, `refused`, `dns`, `tls`, `http`, `other`. Why the measurement, or a part of it, failed; null when it did not. */
  readonly error?: "timeout" | "unreachable" | "refused" | "dns" | "tls" | "http" | "other" | null;
  /** optional string, up to 255 characters. What was measured; null when the probe did not say. */
  readonly target_host?: string | null;
  /** optional string, 1 to 50 characters, not only spaces, default `ping`. How it was measured. */
  readonly probe_type?: string | null;
  /** optional JSON object, at most 32 levels deep. Anything else that the probe reports: a JSON object. In the record it is text. */
  readonly metadata?: Readonly<Record<string, unknown>> | null;
};
