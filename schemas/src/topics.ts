import type { SchemaName } from "./avro-schema.ts";

/** A topic's configuration and guarantees. Defined only here: the deploy step creates topics from it. */
export type Topic = {
  /** The field of the value that is the record's key; records with the same key stay in order. */
  readonly key: "node_id" | "partition" | "original" | "seq" | "origin";
  /** Avro with a schema in the registry (Confluent wire format), JSON, text, or the original bytes. */
  readonly value: { readonly avro: SchemaName } | "JSON" | "signed note" | "original bytes";
  readonly partitions: number;
  readonly cleanup: "delete" | "compact";
  /** Only if `cleanup` is "delete"; -1: for ever. */
  readonly retentionMs?: number;
  /** The clock of a record's timestamp; by default the producer's. */
  readonly timestamps?: "LogAppendTime";
  /** Accepts timestamps that are any time ahead of the leader's clock; Kafka's default limit is an hour. */
  readonly timestampsAhead?: "any";
  readonly meaning: string;
  readonly reliedOnBy: readonly string[];
  /** The service that writes it and is responsible for its contents. */
  readonly owner:
    "ingest-gateway" | "stream-processor" | "stream-processor and sink-writer" | "auditor";
  /** The order of records, in sentences for readers of the topic. */
  readonly ordering: string;
  /** Whether records can be missing or duplicated, and how a reader detects it. */
  readonly delivery: string;
  /** The number of records, in terms of external events. */
  readonly volume: string;
  /** Headers of records, by name. */
  readonly headers: Readonly<Record<string, string>>;
};

/** Passed on with a record from the HTTP request to the row. */
const TRACE = {
  traceparent:
    "W3C Trace Context of the HTTP request with the event; only if the request is traced.",
};

/** Kafka's value for no limit. */
const FOR_EVER = -1;

const days = (count: number) => count * 24 * 60 * 60 * 1_000;

export const TOPICS = {
  "probe.metrics.raw": {
    key: "node_id",
    value: { avro: "ProbeMetric" },
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(7),
    // With the gateways' clocks, one whose clock is ahead would shift the time of a partition's windows and delay the
    // deletion of segments. A limit (message.timestamp.after.max.ms) would reject that gateway's events instead.
    timestamps: "LogAppendTime",
    meaning: "Every event that a gateway has answered with 202, unchanged.",
    reliedOnBy: ["stream-processor"],
    owner: "ingest-gateway",
    ordering:
      "Records of one node are in one partition, in the order in which gateways accepted them, which may differ from the order of the events' timestamps. A record's own timestamp is the time at which Kafka appended it.",
    delivery:
      "At least once: every event that was answered with 202 is in the topic, acknowledged by all in-sync replicas before the answer. If a probe sends an event again, there is a second record with the same event_id.",
    volume: "One record for each accepted event, repeats included.",
    headers: TRACE,
  },
  "probe.metrics.enriched": {
    key: "node_id",
    value: { avro: "EnrichedProbeMetric" },
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(30),
    // Timestamps are those of the raw records: a leader whose clock is behind must not reject them.
    timestampsAhead: "any",
    meaning: "The same events, with the data of their node.",
    reliedOnBy: ["sink-writer", "data teams"],
    owner: "stream-processor",
    ordering:
      "Records of one node are in one partition, in the order of the raw topic; partition numbers are the same.",
    delivery:
      "Exactly once for readers of committed records (isolation.level=read_committed). A duplicate that a probe sends within 10 minutes is dropped if at most 60 records of the node are in between. Any other duplicate can be a second record with the same event_id, so keep the first one of each event_id.",
    volume: "One record for each event, without duplicates and dead letters.",
    headers: TRACE,
  },
  "probe.metrics.dead-letter": {
    key: "original",
    value: "original bytes",
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(30),
    timestampsAhead: "any",
    meaning:
      "Records that a service could not process, with their original bytes; headers say where they came from and why. If Kafka rejects a dead letter, its value is shortened or its timestamp replaced.",
    reliedOnBy: ["operators"],
    owner: "stream-processor and sink-writer",
    ordering: "By the original key, in the order in which they failed.",
    delivery:
      "The processor's come exactly once for readers of committed records. The sink's can come twice after a crash: the same origin (topic, partition, offset) is the same dead letter.",
    volume: "None in normal operation: one record for each record that could not be processed.",
    headers: {
      "__connect.errors.topic": "Topic of the record.",
      "__connect.errors.partition": "Its partition in that topic, decimal.",
      "__connect.errors.offset": "Its offset in that partition, decimal.",
      "__connect.errors.connector.name": "Service that could not process it.",
      "__connect.errors.task.id":
        "The partition again; Kafka Connect has the number of its task here.",
      "__connect.errors.stage":
        "Step that failed: decode, produce (Kafka rejected the enriched record) or write (PostgreSQL rejected the row).",
      "__connect.errors.class.name": "The service again; Kafka Connect has a class here.",
      "__connect.errors.exception.class.name":
        "Kind of the error; InvalidRecord if nothing was thrown.",
      "__connect.errors.exception.message": "What is wrong, without the record's values.",
      "__connect.errors.exception.stacktrace":
        "Where the error was thrown; empty if nothing was thrown.",
      "__dlq.errors.group": "Consumer group of that service.",
      "__dlq.errors.delivery.count": "How often the service has tried it: always 1.",
      "fiber.dlq.failure-class":
        "Class of the failure: undecodable, unknown-schema, too-old, record-refused and others.",
      "fiber.dlq.failed-at": "When it failed, ISO 8601 in UTC.",
      "fiber.dlq.schema-id": "Schema id of the value, decimal; missing if the value has none.",
      "fiber.dlq.replay-count": "How often it has been replayed, decimal.",
      "fiber.dlq.value-bytes":
        "Length of the original value in bytes, decimal, if only its beginning is here because Kafka rejected the whole.",
      "fiber.dlq.record-timestamp":
        "Timestamp of the original record, ms since 1970, if Kafka rejected it and the dead letter has the current time.",
      ...TRACE,
    },
  },
  "probe.nodes": {
    key: "node_id",
    value: { avro: "Node" },
    partitions: 12,
    cleanup: "compact",
    meaning: "The latest state of every node.",
    reliedOnBy: ["node caches", "data teams"],
    owner: "stream-processor",
    ordering:
      "Records of one node are in one partition; the one with the highest revision is the node's state.",
    delivery:
      "At least once: a change may be duplicated but is never lost. Normally within 2 s of the change. An older revision may follow a newer one; drop it. A record without a value (a tombstone) means that an operator has erased the node: forget it, its revision included.",
    volume:
      "One record for each change of a node's data, of which compaction leaves the latest: about one for each node. An event alone is not a change.",
    headers: {},
  },
  "probe.alerts": {
    key: "node_id",
    value: { avro: "ProbeAlert" },
    partitions: 12,
    cleanup: "delete",
    retentionMs: days(30),
    timestampsAhead: "any",
    meaning: "Conditions of nodes that began or ended; at most one is open for each node and kind.",
    reliedOnBy: ["sink-writer", "operators", "data teams"],
    owner: "stream-processor",
    ordering:
      "Records of one node are in one partition, in the order of its events: an alert's opening comes before its resolution. After partitions were added, the opening of an alert that is still open is written again, with the same alert_id, to the node's new partition, and its resolution follows there.",
    delivery:
      "Exactly once for readers of committed records: in the same transactions as the enriched events that caused them.",
    volume: "Two records for each alert: one when it opens, one when it resolves.",
    headers: {},
  },
  "probe.reconciliation": {
    key: "partition",
    value: "JSON",
    // All entries in one order.
    partitions: 1,
    cleanup: "delete",
    retentionMs: days(30),
    meaning:
      "The processor's ledger: what it did with each range of offsets of probe.metrics.raw, by minute of received_at. An entry has partition, log (the topic's id), from and to (offsets, to is not in it), begins (nothing is known of the offsets before), records (offsets with a record), and minutes: of each the minute since 1970, then count, sum and xor of the events read, written to probe.metrics.enriched and dropped as duplicates, then three counts, of which the last is of dead letters. Sum and xor are of a 64-bit hash of event_id (PostgreSQL's uuid_hash_extended with seed 0), the sum modulo 2^64. An entry of more than 4,000 minutes is several records: those after the first one have an empty range (from is to), and further minutes of the same entry.",
    reliedOnBy: ["sink-writer's reconciliation"],
    owner: "stream-processor",
    ordering:
      "Entries of one raw partition are contiguous: each begins at the offset at which the previous one ends.",
    delivery:
      "Exactly once for readers of committed records: in the same transactions as the enriched events. What the last entry does not cover yet is in the metadata of the group's committed offsets.",
    volume: "About one record for each raw partition and minute with events.",
    headers: {},
  },
  "audit.entries": {
    key: "seq",
    value: { avro: "AuditEntry" },
    // All entries in one order.
    partitions: 1,
    cleanup: "delete",
    retentionMs: FOR_EVER,
    meaning:
      "The audit trail: who changed what. A copy of the table audit_log that only the auditor may write, so that somebody who changes the table cannot change the copy too.",
    reliedOnBy: ["auditors", "operators"],
    owner: "auditor",
    ordering: "By seq. After a crash of the auditor, some entries may come again.",
    delivery:
      "At least once: an entry may be duplicated but is never lost. Normally within 2 s of the change. A repeat has the same origin and seq, and has to have the same hash: drop it. If the hash differs, the database was rebuilt or restored.",
    volume:
      "One record for each change that a person or a command makes, and for each try that was denied.",
    headers: {},
  },
  "audit.checkpoints": {
    key: "origin",
    value: "signed note",
    partitions: 1,
    cleanup: "delete",
    retentionMs: FOR_EVER,
    meaning:
      "What the audit trail was at a time, signed: the number of its entries, and the root of the RFC 6962 tree over their hashes. The text is a C2SP checkpoint (tlog-checkpoint) in a signed note, with the time in a line of its own; the auditor's key signs it with Ed25519, and witnesses may have added signatures.",
    reliedOnBy: ["auditors", "operators"],
    owner: "auditor",
    ordering:
      "In the order in which they were signed. A checkpoint that a witness has signed too is there a second time.",
    delivery:
      "At least once. Each checkpoint of an origin continues the smaller ones: fiber audit verify checks that.",
    volume:
      "One record every 5 minutes in which the trail has grown, and at each start of the auditor.",
    headers: {},
  },
} as const satisfies Record<string, Topic>;

export type TopicName = keyof typeof TOPICS;
