/** Everything that other programs may use of this package. */
export type {
  EnrichedProbeMetric,
  Node,
  ProbeAlert,
  ProbeEvent,
  ProbeMetric,
} from "@fiberstream/schemas/generated/records";
export type { ClientLog, Cluster, ClusterSasl, ClusterTls } from "./cluster.ts";
export { consume, type ConsumeOptions } from "./consume.ts";
export { consumeBatches, type ConsumeBatchesOptions } from "./consume-batches.ts";
export {
  consumeInto,
  type ConsumeIntoOptions,
  type PostgresClient,
  type PostgresPool,
} from "./consume-into.ts";
export type { From } from "./from.ts";
export { isoOf, microsOf } from "./micros.ts";
export { readRange, type ReadRangeOptions } from "./read-range.ts";
export {
  createSender,
  type Rejection,
  SendError,
  type Sender,
  type SenderOptions,
  type SendResult,
} from "./sender.ts";

export { type TopicRecord, type TopicValues, UndecodableError } from "./topic-record.ts";
