import { until } from "@fiberstream/testkit/until";
import { describe, expect, it } from "@jest/globals";
import type { BrokerAddress, Connections } from "../broker/connections.ts";
import { createCoordinatorCalls } from "./coordinator-calls.ts";

const COORDINATOR: BrokerAddress = { host: "coordinator", port: 1 };
const ANOTHER: BrokerAddress = { host: "another", port: 1 };
const OFFSETS = new Map([[0, 5n]]);
const AS = { memberId: "a-member", generationId: 1, groupInstanceId: null };

const callsOver = (connections: {
  coordinator: () => Promise<BrokerAddress>;
  call: (channel: string) => Promise<unknown>;
}) =>
  createCoordinatorCalls({
    connections: {
      coordinator: connections.coordinator,
      call: (async (_to, channel) => connections.call(channel)) as Connections["call"],
    },
    groupId: "a-group",
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 6_000,
  });

/** A join that waits for the others, while brokers say by turns who the coordinator is. */
function joinWhile(said: readonly BrokerAddress[]) {
  let looks = 0;
  const joined = Promise.withResolvers<unknown>();
  const calls = callsOver({
    coordinator: async () => {
      // The first one is asked for to join at it.
      const now = looks === 0 ? COORDINATOR : said[(looks - 1) % said.length];
      looks++;
      return now ?? COORDINATOR;
    },
    call: () => joined.promise,
  });
  const join = calls.join({ memberId: "", groupInstanceId: null }, Buffer.alloc(0));
  join.catch(() => undefined);
  return { join, joined, looks: () => looks };
}

describe("a join that waits for others", () => {
  it("continues if one broker names another coordinator, and is given up if two do", async () => {
    const lagging = joinWhile([ANOTHER, COORDINATOR]);
    const moved = joinWhile([ANOTHER]);
    await expect(moved.join).rejects.toThrow("is no longer the coordinator");
    await until(() => lagging.looks() > 4, { what: "the brokers were asked some times" });
    lagging.joined.resolve({
      errorCode: 0,
      memberId: "a-member",
      leader: "another",
      generationId: 1,
      skipAssignment: false,
      members: [],
    });
    await expect(lagging.join).resolves.toMatchObject({ memberId: "a-member", isLeader: false });
  });
});

describe("heartbeats", () => {
  it("do not wait for an offset commit, which waits for its replicas", async () => {
    const channels: string[] = [];
    const calls = callsOver({
      coordinator: async () => COORDINATOR,
      call: async (channel) => {
        channels.push(channel);
        return { errorCode: 0, topics: [] };
      },
    });
    await calls.commitOffsets(AS, "a-topic", OFFSETS);
    await calls.heartbeat(AS);
    expect(new Set(channels).size).toBe(2);
  });
});
