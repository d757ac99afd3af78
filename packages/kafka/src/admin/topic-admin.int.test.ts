import { randomUUID } from "node:crypto";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { describe, expect, it } from "@jest/globals";
import { createKafka } from "../kafka.ts";
import { ensureTopics } from "./topic-admin.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

describe("ensureTopics", () => {
  it("creates a topic, changes settings that differ, and leaves others unchanged", async () => {
    const topic = `admin-${randomUUID()}`;
    const ensure = async (partitions: number, retentionMs: number) => {
      const config = { "retention.ms": String(retentionMs) };
      const [result] = await ensureTopics({ kafka, topics: [{ topic, partitions, config }] });
      return result?.changes;
    };
    expect(await ensure(2, 60_000)).toEqual(["created with 2 partitions and 1 replica"]);
    expect(await ensure(2, 60_000)).toEqual([]);
    expect(await ensure(3, 120_000)).toEqual(["partitions 2 -> 3", "retention.ms 60000 -> 120000"]);
    expect(await ensure(1, 120_000)).toEqual([]);
  });
});
