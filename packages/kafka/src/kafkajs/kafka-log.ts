import type { Log } from "@fiberstream/runtime/log";
import { type LogEntry, logLevel } from "kafkajs";

/** Passes the client's log lines to the service's log, with the level that fits there. */
export const createKafkaLog =
  (log: Log) =>
  () =>
  ({
    level,
    log: { message, timestamp: _timestamp, logger: _logger, stack: _stack, error, ...fields },
  }: LogEntry) => {
    // In the Elastic Common Schema `error` is an object: Elasticsearch would reject a line with a text.
    const reason = error === undefined ? undefined : String(error);
    log[levelOf(level, message)]({ ...fields, reason }, `kafka client: ${message}`);
  };

function levelOf(level: logLevel, message: string): "debug" | "info" | "warn" {
  if (EXPECTED.some((text) => message.includes(text))) return "debug";
  if (level === logLevel.ERROR) return "warn";
  return level === logLevel.WARN ? "info" : "debug";
}

/**
 * Lines that the client logs at ERROR or WARN although nothing is wrong, or although the caller gets the error as well.
 * A transaction that begins right after a commit gets CONCURRENT_TRANSACTIONS once.
 */
const EXPECTED = [
  "Response AddPartitionsToTxn",
  "Response AddOffsetsToTxn",
  "Response InitProducerId",
  "Response Heartbeat",
  "Response JoinGroup",
  "Response SyncGroup",
  "Response GroupCoordinator",
  "Limiting retries for the idempotent producer",
  "The group is rebalancing",
  "Connection error",
  "Failed to connect to broker",
  "Failed to connect to seed broker",
  "Connection timeout",
  "Crash: ",
  "Restarting the consumer in ",
];
