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
    "how many writes run concurrently, each on a database connection of its own",
  ),
  maxRows: setting(
    "SINK_MAX_ROWS",
    wholeNumber({ min: 1, max: 100_000 }).default(5_000),
    "maximum of rows from several partitions in one write; the batch of a single partition may have more",
  ),
  maxWaitMs: setting(
    "SINK_MAX_WAIT_MS",
    wholeNumber({ min: 1, max: 2_000 }).default(20),
    "how long a fetch waits for more records, ms",
  ),
  nodeSilentAfterMs: setting(
    "SINK_NODE_SILENT_AFTER_MS",
    wholeNumber({ min: 10_000, max: 2_592_000_000 }).default(300_000),
    "a node that has sent nothing for so long is marked inactive, ms",
  ),
  rollUpIntervalMs: setting(
    "SINK_ROLLUP_INTERVAL_MS",
    wholeNumber({ min: 100, max: 3_600_000 }).default(1_000),
    "how often the sink looks for roll-ups that are due, ms",
  ),
  maxFetchBytes: setting(
    "SINK_MAX_FETCH_BYTES",
    // With 12 partitions a backlog takes 231 MB of memory (RSS); 268 MB with twice, 200 MB with half of it.
    wholeNumber({ min: 16_384, max: 16_777_216 }).default(262_144),
    "maximum bytes per partition in one fetch, which bounds the size of a batch",
  ),
};
