import { kafkaSettings } from "@fiberstream/kafka/settings";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { serviceSettings } from "@fiberstream/runtime/config";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";

export const sinkSettings = {
  ...serviceSettings(8030),
  ...kafkaSettings(),
  ...postgresSettings(),
  partitionsConcurrently: setting(
    "SINK_PARTITIONS_CONCURRENTLY",
    wholeNumber({ min: 1, max: 64 }).default(4),
    "how many partitions are written at the same time, each with a database connection of its own",
  ),
  maxFetchBytes: setting(
    "SINK_MAX_FETCH_BYTES",
    // About 2,000 rows of 250 bytes, where COPY is near its best. Twice as much wrote no faster
    // (128,000 rows/s both) and took 70 MB more memory while catching up.
    wholeNumber({ min: 16_384, max: 16_777_216 }).default(524_288),
    "the most that one fetch brings of one partition, which is the largest batch",
  ),
};
