import { topicIn } from "@fiberstream/kafka/topic-names";
import { TransientError } from "@fiberstream/runtime/errors";
import { until } from "@fiberstream/testkit/until";
import { expect, it } from "@jest/globals";
import type { ClientLog } from "../cluster.ts";
import { connectionTo } from "../connection.ts";
import { createTestTopic } from "../testing/test-topic.ts";
import { runGroup } from "./run-group.ts";

/** A log that keeps its lines as "level message". */
function keepLines() {
  const lines: string[] = [];
  const at = (level: string) => (_fields: object, message: string) =>
    void lines.push(`${level} ${message}`);
  const log: ClientLog = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
  return { log, lines };
}

it("commits the batch in progress when it stops, though another partition still looks for its position", async () => {
  const { cluster, write } = await createTestTopic();
  await write({ from: 0, count: 5, partition: 0 });
  await write({ from: 5, count: 5, partition: 1 });
  const { log, lines } = keepLines();
  const connection = connectionTo({ ...cluster, log });
  const stopping = new AbortController();
  const committed: bigint[] = [];
  const countOf = (text: string) => lines.filter((line) => line.includes(text)).length;
  await runGroup({
    kafka: connection.kafka,
    groupId: `${cluster.namespace}stops`,
    topic: topicIn(cluster.namespace ?? "", "probe.metrics.enriched"),
    partitionsAtOnce: 2,
    work: (commitOffset) => ({
      positionOf: async (partition) => {
        if (partition === 1) throw new TransientError("kafka", "away");
        return 0n;
      },
      processBatch: async ({ partition, nextOffset }) => {
        stopping.abort();
        const asked = countOf("cannot read start position");
        await until(
          () => countOf("cannot read start position") > asked + 1 || countOf("error ") > 0,
          { what: "the other partition asks for its position meanwhile" },
        );
        await commitOffset(partition, nextOffset);
        committed.push(nextOffset);
        return nextOffset;
      },
    }),
    log: connection.log,
    signal: stopping.signal,
  });
  expect(lines.filter((line) => /^(warn|error) /.test(line))).toEqual([]);
  expect(committed).toHaveLength(1);
});
