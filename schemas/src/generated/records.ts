// Made from schemas/avro by `npm run generate`; edit the .avsc files instead.

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
  /** Measured round-trip time. Unit: ms. */
  latency_ms: number;
  /** Share of the probe's checks that its target answered. Unit: percent. */
  uptime_pct: number;
  /** Share of packets lost. Unit: percent. */
  packet_loss: number;
  /** When it was measured, by the probe's clock. Unit: us since 1970-01-01T00:00:00Z. */
  timestamp: number;
  /** What was measured; null when the probe did not say. */
  target_host: null | string;
  /** How it was measured. */
  probe_type: string;
  /** What else the probe told: the text of one JSON object. */
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
  /** Measured round-trip time. Unit: ms. */
  latency_ms: number;
  /** Share of the probe's checks that its target answered. Unit: percent. */
  uptime_pct: number;
  /** Share of packets lost. Unit: percent. */
  packet_loss: number;
  /** When it was measured, by the probe's clock. Unit: us since 1970-01-01T00:00:00Z. */
  timestamp: number;
  /** What was measured; null when the probe did not say. */
  target_host: null | string;
  /** How it was measured. */
  probe_type: string;
  /** What else the probe told: the text of one JSON object. */
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
};

/** A probe that FiberStream knows: the state after the latest change. */
export type Node = {
  /** The probe. The key of the record. */
  node_id: string;
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
};
