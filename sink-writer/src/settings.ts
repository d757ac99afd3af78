import { groupSettings, kafkaSettings } from "@fiberstream/kafka/settings";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { serviceSettings } from "@fiberstream/runtime/config";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";

export const sinkSettings = {
  ...serviceSettings(8030),
  ...kafkaSettings(),
  ...groupSettings(),
  ...postgresSettings(),
  writers: setting(
    "SINK_WRITERS",
    wholeNumber({ min: 1, max: 32 }).default(3),
    "how many writes go on at the same time, each with a database connection of its own",
  ),
  maxRows: setting(
    "SINK_MAX_ROWS",
    wholeNumber({ min: 1, max: 100_000 }).default(5_000),
    "how many rows partitions may bring together into one write; a single one may bring more",
  ),
  maxWaitMs: setting(
    "SINK_MAX_WAIT_MS",
    wholeNumber({ min: 1, max: 2_000 }).default(20),
    "how long a record may wait for others to be written with it, ms; one that comes alone does not wait",
  ),
  nodeSilentAfterMs: setting(
    "SINK_NODE_SILENT_AFTER_MS",
    wholeNumber({ min: 10_000, max: 2_592_000_000 }).default(300_000),
    "a node from which nothing has come for so long is marked as inactive, ms",
  ),
  maxFetchBytes: setting(
    "SINK_MAX_FETCH_BYTES",
    // With 12 partitions a backlog takes 231 MB of memory (RSS); 268 MB with twice, 200 MB with half of it.
    wholeNumber({ min: 16_384, max: 16_777_216 }).default(262_144),
    "the most that one fetch brings of one partition, which is the largest batch",
  ),
};
