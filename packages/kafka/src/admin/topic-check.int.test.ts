import { TransientError } from "@fiberstream/runtime/errors";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterAll, expect, it } from "@jest/globals";
import kafkajs from "kafkajs";
import { createKafka } from "../kafka.ts";
import { createTopicCheck } from "./topic-check.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const life = createLife();
afterAll(() => life.stop());

it("fails for a topic with too few in-sync replicas for a write, and passes when there are enough again", async () => {
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const topic = `${testNamespace()}two-replicas-needed`;
  const check = life.own(createTopicCheck({ kafka, topic }), (owned) => owned.close());
  const admin = kafka.admin();
  await admin.connect();
  life.own(admin, (owned) => owned.disconnect());
  const need = (value: string) => [{ name: "min.insync.replicas", value }];
  await admin.createTopics({
    topics: [{ topic, numPartitions: 2, replicationFactor: 1, configEntries: need("2") }],
  });

  const refused = check.check();
  await expect(refused).rejects.toThrow(TransientError);
  await expect(refused).rejects.toThrow(/none of the 2 partitions .* 2 in-sync replicas/);

  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: need("1") }],
  });
  await until(() => check.check().then(() => true), { what: "writes can go there" });
});
