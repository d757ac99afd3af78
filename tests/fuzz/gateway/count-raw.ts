import { createKafka } from "@fiberstream/kafka/kafka";
import { followTopic } from "@fiberstream/kafka/topic-follower";
import { createLog } from "@fiberstream/runtime/log";

export type RawCounts = {
  /** The number of records in raw for each request; nodes are named `<request>-<number>`. */
  readonly byRequest: ReadonlyMap<string, number>;
  readonly close: () => Promise<void>;
};

/** Counts the records of raw. (Storing them would need more memory than the gateway has.) */
export function countRaw(brokers: string): RawCounts {
  const log = createLog({ service: "fuzz", level: "silent", format: "json" });
  const byRequest = new Map<string, number>();
  const follower = followTopic({
    kafka: createKafka({ brokers: [brokers], clientId: "fuzz", log }),
    topic: "probe.metrics.raw",
    onRecords: (records) => {
      for (const { key } of records) {
        const node = String(key);
        const request = node.slice(0, node.lastIndexOf("-"));
        byRequest.set(request, (byRequest.get(request) ?? 0) + 1);
      }
    },
    log,
  });
  return { byRequest, close: follower.close };
}
