import { randomUUID } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { createConnections } from "../broker/connections.ts";
import { createKafka } from "../kafka.ts";
import { ensureTopics } from "../admin/topic-admin.ts";
import { joinGroup } from "./group-member.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });

let life: Life;
let topic: string;
let other: string;
let groupId: string;
beforeEach(async () => {
  life = createLife();
  topic = `group-member-${randomUUID()}`;
  other = `${topic}-other`;
  groupId = `group-${randomUUID()}`;
  await makeTopics({ [topic]: 2 });
});
afterEach(() => life.stop());

const makeTopics = (partitions: Record<string, number>) =>
  ensureTopics({
    kafka,
    topics: Object.entries(partitions).map(([name, count]) => ({
      topic: name,
      partitions: count,
      config: {},
    })),
  });

async function addPartitions(to: string, count: number): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic: to, count }] });
  await admin.disconnect();
}

/** A member that is told how many partitions its topic has as often as it asks for its partitions. */
function join(of: { topic: string; groupInstanceId?: string }) {
  const stopping = new AbortController();
  const connections = createConnections(kafka);
  const partitionsOf = async (name: string) => [
    ...(await connections.topicMetadata(name)).leaders.keys(),
  ];
  const member = joinGroup({
    connections,
    groupId,
    topic: of.topic,
    sessionTimeoutMs: 6_000,
    groupInstanceId: of.groupInstanceId,
    userData: "",
    partitionsOf,
    onAssigned: () => undefined,
    revoke: async () => undefined,
    onLost: () => undefined,
    onFailing: () => undefined,
    onHalt: () => undefined,
    alive: () => undefined,
    stopping: stopping.signal,
    log,
  });
  let ended: Promise<void> | undefined;
  const leave = () =>
    (ended ??= (async () => {
      await member.leave();
      stopping.abort();
      await connections.close();
    })());
  life.own(member, leave);
  const owns = (partitions: readonly number[]) =>
    until(
      async () => {
        member.topicHas((await partitionsOf(of.topic)).length);
        return (
          String(member.owned().toSorted((one, another) => one - another)) === String(partitions)
        );
      },
      { what: `it owns ${partitions.join(", ")}` },
    );
  return { owns, leave };
}

describe("a group's members", () => {
  it("assign partitions that are added after a static leader has restarted", async () => {
    const before = join({ topic, groupInstanceId: "a" });
    await before.owns([0, 1]);
    await before.leave();
    const again = join({ topic, groupInstanceId: "a" });
    await again.owns([0, 1]);
    await addPartitions(topic, 4);
    await expect(again.owns([0, 1, 2, 3])).resolves.toBe(true);
  });

  it("have all partitions of their own topic if two topics are read in one group", async () => {
    await makeTopics({ [other]: 3 });
    const first = join({ topic });
    await first.owns([0, 1]);
    const second = join({ topic: other });
    await Promise.all([first.owns([0, 1]), second.owns([0, 1, 2])]);
    await addPartitions(other, 5);
    await Promise.all([first.owns([0, 1]), second.owns([0, 1, 2, 3, 4])]);
  });
});
