/** The public interface of this package. */
export type {
  EnrichedProbeMetric,
  Node,
  ProbeAlert,
  ProbeEvent,
  ProbeMetric,
} from "@fiberstream/schemas/generated/records";
export type { ClientLog, Cluster, ClusterSasl, ClusterTls } from "./cluster.ts";
export { consume, type ConsumeOptions } from "./consume/consume.ts";
export { consumeBatches, type ConsumeBatchesOptions } from "./consume/consume-batches.ts";
export {
  consumeInto,
  type ConsumeIntoOptions,
  type PostgresClient,
  type PostgresPool,
} from "./consume/consume-into.ts";
export type { From } from "./consume/from.ts";
export { isoOf, microsOf } from "./micros.ts";
export {
  createQueryClient,
  type ListName,
  type QueryAnswer,
  type QueryClient,
  QueryError,
  type QueryName,
  type QueryParameters,
} from "./query/query-client.ts";
export { readRange, type ReadRangeOptions } from "./consume/read-range.ts";
export {
  createSender,
  type Rejection,
  SendError,
  type Sender,
  type SenderOptions,
  type SendResult,
} from "./send/sender.ts";

export { type TopicRecord, type TopicValues, UndecodableError } from "./records/topic-record.ts";
