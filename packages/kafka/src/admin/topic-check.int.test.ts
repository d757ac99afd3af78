import { TransientError } from "@fiberstream/runtime/errors";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterAll, expect, it } from "@jest/globals";
import { createKafka } from "../kafka.ts";
import { ensureTopics } from "./topic-admin.ts";
import { createTopicCheck } from "./topic-check.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const life = createLife();
afterAll(() => life.stop());

it("fails for a topic with too few in-sync replicas for a write, and passes when there are enough again", async () => {
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const topic = `${testNamespace()}two-replicas-needed`;
  const check = life.own(createTopicCheck({ kafka, topic }), (owned) => owned.close());
  const needs = async (replicas: string) =>
    void (await ensureTopics({
      kafka,
      topics: [{ topic, partitions: 2, config: { "min.insync.replicas": replicas } }],
    }));
  await needs("2");

  const refused = check.check();
  await expect(refused).rejects.toThrow(TransientError);
  await expect(refused).rejects.toThrow(/none of the 2 partitions .* 2 in-sync replicas/);

  await needs("1");
  await until(() => check.check().then(() => true), { what: "writes can go there" });
});
