import { createClusterWatch } from "@fiberstream/kafka/cluster-state";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import type { Registry } from "prom-client";
import { createClusterGauges } from "./cluster-gauges.ts";

/** As often as metrics are usually read. */
const INTERVAL_MS = 15_000;

/** Keeps the gauges of the brokers current until the end of `life`. */
export function watchCluster(options: {
  kafka: KafkaClient;
  topics: readonly string[];
  registry: Registry;
  life: Life;
  log: Log;
}): void {
  const { life, log } = options;
  const watch = life.own(createClusterWatch(options), (owned) => owned.close());
  const show = createClusterGauges(options.registry);
  const looks = createRepeatedTask({
    name: "look at the brokers",
    work: async () => {
      try {
        show(await watch.read());
      } catch (error) {
        show(undefined);
        throw error;
      }
    },
    intervalMs: INTERVAL_MS,
    startsAtOnce: true,
    log,
  });
  looks.begin();
  life.own(looks, (owned) => owned.end());
}
