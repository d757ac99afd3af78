import { randomUUID } from "node:crypto";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  initProducerIdV4,
  txnOffsetCommitV3,
} from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Connections } from "../broker/connections.ts";
import { PartitionFaultError } from "../errors/partition-fault.ts";
import { createCoordinators } from "./coordinator/coordinators.ts";
import { createLeaders } from "./send/leaders.ts";
import { produceBatches } from "../protocol/produce-request.ts";
import { RecordRefusedError } from "../errors/record-refused.ts";
import { sendRecords } from "./send/send-records.ts";
import { openSession } from "./coordinator/session.ts";
import { createTransactionsBench, type TransactionsBench } from "./testing/transactions-bench.ts";
import { routeOf } from "./send/destinations.ts";

let life: Life;
let bench: TransactionsBench;
beforeEach(async () => {
  life = createLife();
  bench = await createTransactionsBench({ brokers: [addresses.kafkaBrokers], life, partitions: 3 });
});
afterEach(() => life.stop());

/** A process that knows where its partitions go on. */
const placed = async (options: Parameters<TransactionsBench["process"]>[0] = {}) => {
  const transactions = bench.process(options);
  const positions = await until(
    async () => {
      const found = await transactions.positionsOf([0, 1, 2], bench.identity);
      return found.size === 3 ? found : undefined;
    },
    { what: "all positions are known" },
  );
  return Object.assign(transactions, { positions });
};

/** A commit is seen when its markers are written, some milliseconds after it was answered. */
const expectCommitted = async (...expected: string[]) => {
  let found: string[] = [];
  const isSeen = async () => {
    found = await bench.committedRecords();
    return found.length >= expected.length;
  };
  await until(isSeen, { what: `${expected.length} records are committed` });
  expect(found).toEqual(expected);
};

/** Where markers of aborted transactions, of any number, stand between them. */
const expectValues = async (...expected: string[]) => {
  const committed = async () =>
    (await bench.committedRecords()).map((one) => one.replace(/^\S+ /, ""));
  await until(async () => (await committed()).length >= expected.length, {
    what: `${expected.length} records are committed`,
  });
  expect(await committed()).toEqual(expected);
};

/** What a process leaves open that dies before it commits, for partition 0. */
const leaveOpen = async (transactionalId: string, options: { offsets: "moved" | "not moved" }) => {
  const { connections, topic, groupId, member } = bench;
  const coordinators = createCoordinators(connections);
  const leaders = createLeaders(connections);
  const session = await openSession(coordinators, transactionalId, "test");
  const { producerId, producerEpoch } = session;
  const own = { kind: "transaction", key: transactionalId, channel: "test" } as const;
  const partition = { name: topic, partitions: [0] };
  await coordinators.ask(own, addPartitionsToTxnV3.api, () => [], [
    { transactionalId, producerId, producerEpoch, verifyOnly: false, topics: [partition] },
  ]);
  const records = [{ key: null, value: Buffer.from("left open") }];
  const route = await routeOf([{ topic, partition: 0, records }], leaders);
  await sendRecords(
    {
      connections,
      leaders,
      session,
      channel: "test",
      batchBytes: new Map(),
      compression: "none" as const,
    },
    route.destinations,
  );
  if (options.offsets === "not moved") return session;
  await coordinators.ask(
    own,
    addOffsetsToTxnV3.api,
    ({ errorCode }) => [errorCode],
    transactionalId,
    producerId,
    producerEpoch,
    groupId,
  );
  const { memberId, generationId } = member.identity();
  const offset = { partitionIndex: 0, committedOffset: 99n, committedLeaderEpoch: -1 };
  await coordinators.ask(
    { kind: "group", key: groupId, channel: "test" },
    txnOffsetCommitV3.api,
    ({ topics }) => topics.flatMap((one) => one.partitions.map(({ errorCode }) => errorCode)),
    transactionalId,
    groupId,
    producerId,
    producerEpoch,
    generationId,
    memberId,
    null,
    [{ name: topic, partitions: [{ ...offset, committedMetadata: "left open" }] }],
  );
  return session;
};

describe("group transactions", () => {
  it("write records and positions together, and return the caller's text with the position", async () => {
    const { commitOf } = bench;
    const transactions = await placed();
    expect([...transactions.positions.values()]).toEqual(Array(3).fill("beginning"));
    await transactions.commit(
      commitOf(0, { from: 0n, to: 5n, metadata: "windows from=1" }, "a", "b"),
    );
    expect(transactions.metadataOf(0)).toBe("windows from=1");
    await expectCommitted("0/0 a", "0/1 b");

    const heir = await placed();
    expect([...heir.positions]).toEqual([
      [0, 5n],
      [1, "beginning"],
      [2, "beginning"],
    ]);
    expect(heir.metadataOf(0)).toBe("windows from=1");
    expect(heir.metadataOf(1)).toBe("");
  });

  it("share one transaction for batches that are ready at the same moment", async () => {
    const { commitOf } = bench;
    const transactions = await placed();
    await Promise.all([
      transactions.commit(commitOf(0, { from: 0n, to: 7n }, "a", "b")),
      transactions.commit({
        ...commitOf(1, { from: 0n, to: 9n }),
        batches: commitOf(0, { from: 0n, to: 0n }, "c").batches,
      }),
    ]);
    await transactions.commit(commitOf(0, { from: 7n, to: 8n }, "d"));
    // A transaction ends with a marker, which takes an offset: 3 is one, and there is none before.
    await expectCommitted("0/0 a", "0/1 b", "0/2 c", "0/4 d");
    expect([...(await placed()).positions.values()]).toEqual([8n, 9n, "beginning"]);
  });

  it("commit an offset without records", async () => {
    const transactions = await placed();
    await transactions.commit(bench.commitOf(2, { from: 0n, to: 4n }));
    expect((await placed()).positions.get(2)).toBe(4n);
    expect(await bench.committedRecords()).toEqual([]);
  });

  it("commit the leader epoch of the records, for the next owner", async () => {
    const transactions = await placed();
    await transactions.commit({ ...bench.commitOf(2, { from: 0n, to: 4n }), leaderEpoch: 3 });
    const heir = await placed();
    expect(heir.positions.get(2)).toEqual({ offset: 4n, leaderEpoch: 3 });
    await heir.commit(bench.commitOf(2, { from: 4n, to: 5n }));
    expect((await placed()).positions.get(2)).toBe(5n);
  });

  it("split records that are larger than a broker's maximum batch, in order", async () => {
    const transactions = await placed();
    const values = Array.from({ length: 25 }, (_, at) => `${at}:`.padEnd(100_000, "x"));
    await transactions.commit(bench.commitOf(0, { from: 0n, to: 25n }, ...values));
    await transactions.commit(bench.commitOf(0, { from: 25n, to: 28n }, "after"));
    await expectValues(...values, "after");
  });

  it.each([
    { is: "alive", refusal: "ILLEGAL_GENERATION" },
    { is: "dead", refusal: /PRODUCER_FENCED|INVALID_PRODUCER_EPOCH/ },
  ])("reject a member of an old generation that seems $is", async ({ is, refusal }) => {
    const { member, commitOf } = bench;
    const before = member.identity();
    const processId = randomUUID();
    const zombie = await placed({ processId, member: () => before });
    await zombie.commit(commitOf(0, { from: 0n, to: 1n }, "in time"));
    await member.rejoin();
    const heir = await placed({ live: is === "alive" ? [processId] : [] });
    for (const value of ["late", "later"]) {
      const late = zombie.commit(commitOf(0, { from: 1n, to: 2n }, value));
      await expect(late).rejects.toThrow(TransientError);
      await expect(late).rejects.toThrow(value === "late" ? refusal : "is not known");
    }
    // Its id is its own again, which does not help it.
    await until(async () => (await zombie.positionsOf([0], bench.identity)).get(0) === 1n, {
      what: "the zombie knows where the partition stands",
    });
    const later = zombie.commit(commitOf(0, { from: 1n, to: 2n }, "under a new epoch"));
    await expect(later).rejects.toThrow("ILLEGAL_GENERATION");
    await heir.commit(commitOf(0, { from: 1n, to: 2n }, "heir's"));
    await expectValues("in time", "heir's");
  });

  it("continue for the others if one has lost its partition", async () => {
    const { member, commitOf } = bench;
    let isLost = false;
    const transactions = await placed({
      member: (partition) => (partition === 1 && isLost ? undefined : member.identity()),
    });
    isLost = true;
    const [kept, lost] = await Promise.allSettled([
      transactions.commit(commitOf(0, { from: 0n, to: 1n }, "kept")),
      transactions.commit(commitOf(1, { from: 0n, to: 1n }, "lost")),
    ]);
    expect(kept.status).toBe("fulfilled");
    expect(lost).toMatchObject({
      reason: { message: expect.stringContaining("another member owns") },
    });
    await expectCommitted("0/0 kept");
  });

  it("reject a batch that does not begin at its partition's position", async () => {
    const { commitOf } = bench;
    const transactions = await placed();
    await transactions.commit(commitOf(0, { from: 0n, to: 10n }, "a"));
    for (const from of [0n, 11n]) {
      await expect(transactions.commit(commitOf(0, { from, to: 20n }, "b"))).rejects.toThrow(
        `is at offset 10, but the batch starts at ${from}`,
      );
    }
    transactions.keepOnly([1, 2]);
    await expect(transactions.commit(commitOf(0, { from: 10n, to: 20n }, "b"))).rejects.toThrow(
      "is not known",
    );
    await transactions.positionsOf([0], bench.identity);
    await transactions.commit(commitOf(0, { from: 10n, to: 20n }, "b"));
    await expectCommitted("0/0 a", "0/2 b");
  });

  it("reject a batch that was read before the process lost its membership", async () => {
    const { member, commitOf, identity } = bench;
    let isBack = false;
    const transactions = await placed({
      member: () => (isBack ? member.identity() : { ...member.identity(), memberId: "before" }),
    });
    isBack = true;
    const late = transactions.commit(commitOf(0, { from: 0n, to: 1n }, "late"));
    await expect(late).rejects.toThrow("is not known");
    await transactions.positionsOf([0], identity);
    await transactions.commit(commitOf(0, { from: 0n, to: 1n }, "read again"));
    await expectCommitted("0/0 read again");
  });

  it("name the records that a broker rejects permanently, and write the others", async () => {
    const { commitOf } = bench;
    const transactions = await placed();
    const large = "x".repeat(1_100_000);
    // As large as to share its transaction.
    const other = "o".repeat(200_000);
    const first = commitOf(0, { from: 0n, to: 3n }, "a", large, "c");
    const [refused, shared] = await Promise.allSettled([
      transactions.commit(first),
      transactions.commit(commitOf(2, { from: 0n, to: 1n }, other)),
    ]);
    const { reason } = refused as { reason: RecordRefusedError };
    expect(reason).toBeInstanceOf(RecordRefusedError);
    expect(reason.type).toBe("MESSAGE_TOO_LARGE");
    // Told by identity: comparing a megabyte byte by byte takes jest seconds.
    expect(reason.records.map((record) => first.batches[0]?.records.indexOf(record))).toEqual([1]);
    expect(shared).toMatchObject({ reason: expect.any(TransientError) });
    expect(await bench.committedRecords()).toEqual([]);
    const positions = await until(
      async () => {
        const found = await transactions.positionsOf([0, 2], bench.identity);
        return found.size === 2 ? found : undefined;
      },
      { what: "the transaction has ended" },
    );
    expect([...positions.values()]).toEqual(["beginning", "beginning"]);
    await transactions.commit(commitOf(2, { from: 0n, to: 1n }, other));
    await expectValues(other);
  });
});

describe("group transactions, after a process has died", () => {
  it("end its open transactions at once, and readers continue", async () => {
    const { groupId, commitOf } = bench;
    const dead = randomUUID();
    const before = bench.process({ processId: dead });
    await before.positionsOf([0, 1, 2], bench.identity);
    await before.commit(commitOf(0, { from: 0n, to: 1n }, "before"));
    await leaveOpen(`${groupId}-${dead}-0`, { offsets: "moved" });

    const begunMs = performance.now();
    const heir = await placed();
    expect(heir.positions.get(0)).toBe(1n);
    await heir.commit(commitOf(0, { from: 1n, to: 2n }, "heir's"));
    // A reader of committed records stops at an open transaction, which the broker would end after 15 s.
    await expectValues("before", "heir's");
    expect(performance.now() - begunMs).toBeLessThan(10_000);
  });

  it("do not fence a process that is alive", async () => {
    const { commitOf } = bench;
    const other = randomUUID();
    const neighbour = await placed({ processId: other });
    await neighbour.commit(commitOf(0, { from: 0n, to: 1n }, "a"));
    await placed({ live: [other] });
    await neighbour.commit(commitOf(0, { from: 1n, to: 2n }, "b"));
    await expectCommitted("0/0 a", "0/2 b");
  });

  it("end a transaction that blocks an offset for long, also of a process that counts as alive", async () => {
    const { groupId, commitOf } = bench;
    const restarted = randomUUID();
    const before = bench.process({ processId: restarted });
    await before.positionsOf([0], bench.identity);
    await before.commit(commitOf(0, { from: 0n, to: 1n }, "before"));
    await leaveOpen(`${groupId}-${restarted}-0`, { offsets: "moved" });
    const begunMs = performance.now();
    const heir = await placed({ live: [restarted] });
    expect(heir.positions.get(0)).toBe(1n);
    expect(performance.now() - begunMs).toBeLessThan(10_000);
  });
});

describe("positions", () => {
  it("that an open transaction moves are not known, instead of the beginning", async () => {
    const { commitOf, identity, groupId, connections } = bench;
    const transactions = await placed();
    await transactions.commit(commitOf(1, { from: 0n, to: 3n }, "a"));
    const id = `${groupId}-someone`;
    const { producerId, producerEpoch } = await leaveOpen(id, { offsets: "moved" });
    expect([...(await transactions.positionsOf([0, 1, 2], identity))]).toEqual([
      [1, 3n],
      [2, "beginning"],
    ]);
    await createCoordinators(connections).ask(
      { kind: "transaction", key: id, channel: "test" },
      endTxnV3.api,
      ({ errorCode }) => [errorCode],
      id,
      producerId,
      producerEpoch,
      true,
    );
    await until(async () => (await transactions.positionsOf([0], identity)).get(0) === 99n, {
      what: "the position is known",
    });
  });

  it("are read in one request for a thousand partitions", async () => {
    const { commitOf, identity, connections } = bench;
    const transactions = await placed();
    await transactions.commit(commitOf(1, { from: 0n, to: 5n, metadata: "p1" }, "a"));
    let requests = 0;
    const counting: Connections = {
      ...connections,
      call: (...args) => {
        if (args[1] === "positions") requests++;
        return connections.call(...args);
      },
    };
    const heir = bench.process({ connections: counting });
    // Nobody has committed for partitions that are not there yet.
    const all = Array.from({ length: 1_000 }, (_, at) => at);
    const positions = await heir.positionsOf(all, identity);
    expect([...positions]).toEqual(all.map((at) => [at, at === 1 ? 5n : "beginning"]));
    expect(heir.metadataOf(1)).toBe("p1");
    // Once for who has committed, and once they are fenced.
    expect(requests).toBe(2);
  });

  it("below what this process has committed are ignored while it owns the partition", async () => {
    const { commitOf, identity, connections, topic } = bench;
    let isBehind = false;
    /** Like a coordinator that woke up and does not know yet that it has a successor. */
    const stale: Connections = {
      ...connections,
      call: async (to, channel, request, ...args) => {
        const answer = await connections.call(to, channel, request, ...args);
        const { groups } = answer as {
          groups?: { topics: { name: string; partitions: { committedOffset: bigint }[] }[] }[];
        };
        if (!isBehind || groups === undefined) return answer;
        for (const found of groups[0]?.topics ?? []) {
          expect(found.name).toBe(topic);
          for (const one of found.partitions)
            one.committedOffset = isBehind ? 2n : one.committedOffset;
        }
        return answer;
      },
    };
    const transactions = await placed({ connections: stale });
    await transactions.commit(commitOf(0, { from: 0n, to: 4n }, "a"));
    isBehind = true;
    expect((await transactions.positionsOf([0], identity)).size).toBe(0);
    transactions.keepOnly([1]);
    expect((await transactions.positionsOf([0], identity)).get(0)).toBe(2n);
  });

  it("of another log are a fault of their partition only", async () => {
    const { commitOf, identity } = bench;
    const transactions = await placed();
    await transactions.commit(commitOf(0, { from: 0n, to: 4n }, "a"));
    const { log: _, ...rest } = commitOf(1, { from: 0n, to: 6n }, "b");
    await transactions.commit({ ...rest, log: { clusterId: "", topicId: "" } });

    const recreated = { ...identity, topicId: randomUUID() };
    const heir = bench.process();
    const positions = await heir.positionsOf([0, 1, 2], recreated);
    expect(positions.get(0)).toBeInstanceOf(PartitionFaultError);
    expect(messageOf(positions.get(0))).toMatch(/another topic.*accept-log/);
    expect(positions.get(1)).toBe(6n);
    expect(positions.get(2)).toBe("beginning");
    const moved = await heir.positionsOf([0], { ...identity, clusterId: "another" });
    expect(messageOf(moved.get(0))).toMatch(/another cluster/);
  });
});

describe("a frozen broker", () => {
  it("delays only the partitions that it leads", async () => {
    const { commitOf, connections, topic } = bench;
    const held = Promise.withResolvers<void>();
    /** As if partition 1 were led by another broker, which does not answer. */
    const two: Connections = {
      ...connections,
      topicMetadata: async (name) => {
        const { log, leaders } = await connections.topicMetadata(name);
        const other = { address: { host: "frozen", port: 1 }, epoch: 0, inSyncReplicas: 1 };
        return { log, leaders: new Map([...leaders, [1, other]]) };
      },
      call: async (to, channel, request, ...args) => {
        if (to.host !== "frozen") return connections.call(to, channel, request, ...args);
        await held.promise;
        const { leaders } = await connections.topicMetadata(topic);
        const { address = to } = leaders.get(1) ?? {};
        return connections.call(address, channel, request, ...args);
      },
    };
    const transactions = await placed({ connections: two });
    life.own(held, ({ resolve }) => resolve());
    const waiting = transactions.commit(commitOf(1, { from: 0n, to: 1n }, "waits"));
    // An alert of partition 2 goes there, too.
    const alert = commitOf(1, { from: 0n, to: 0n }, "alert").batches;
    const { batches } = commitOf(2, { from: 0n, to: 1n }, "with an alert");
    const both = transactions.commit({
      ...commitOf(2, { from: 0n, to: 1n }),
      batches: [...batches, ...alert],
    });
    for (let at = 0n; at < 5n; at++) {
      await transactions.commit(commitOf(0, { from: at, to: at + 1n }, `goes on ${at}`));
    }
    held.resolve();
    await Promise.all([waiting, both]);
    expect((await bench.committedRecords()).filter((one) => one.startsWith("0/"))).toHaveLength(5);
  });
});

describe("a leader that rejects a batch temporarily", () => {
  it("gets the same batch again, in the same transaction", async () => {
    const { commitOf, connections, topic } = bench;
    let refusals = 3;
    const busy: Connections = {
      ...connections,
      call: async (to, channel, request, ...args) => {
        const api: unknown = request.api;
        if (api !== produceBatches || refusals-- <= 0) {
          return connections.call(to, channel, request, ...args);
        }
        const partitionResponses = [{ index: 0, errorCode: NOT_ENOUGH_REPLICAS }];
        const answer: unknown = { responses: [{ name: topic, partitionResponses }] };
        return answer as Awaited<ReturnType<typeof request.api.async>>;
      },
    };
    const transactions = await placed({ connections: busy });
    await transactions.commit(commitOf(0, { from: 0n, to: 1n }, "a"));
    expect(refusals).toBeLessThan(0);
    await expectCommitted("0/0 a");
  });
});

const NOT_ENOUGH_REPLICAS = 19;

describe("a transaction that fails", () => {
  it("is not ended before its last request has settled, and late requests are rejected", async () => {
    const { commitOf, connections, identity } = bench;
    const sent: unknown[] = [];
    const held = Promise.withResolvers<void>();
    let isFailing = false;
    const slow: Connections = {
      ...connections,
      call: async (to, channel, request, ...args) => {
        const api: unknown = request.api;
        if (isFailing) sent.push(api);
        if (isFailing && api === produceBatches) await held.promise;
        if (isFailing && api === txnOffsetCommitV3.api) throw new Error("connection lost");
        return connections.call(to, channel, request, ...args);
      },
    };
    const transactions = await placed({ connections: slow });
    life.own(held, ({ resolve }) => resolve());
    await transactions.commit(commitOf(0, { from: 0n, to: 1n }, "before"));
    isFailing = true;
    let isSettled = false;
    const failed = transactions
      .commit(commitOf(0, { from: 1n, to: 2n }, "held back"))
      .finally(() => (isSettled = true));
    failed.catch(() => undefined);
    await until(() => [produceBatches, txnOffsetCommitV3.api].every((api) => sent.includes(api)), {
      what: "one request is under way and another has failed",
    });
    // Whatever ends the transaction would be sent in this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled).toBe(false);
    const ending = new Set<unknown>([endTxnV3.api, initProducerIdV4.api]);
    expect(sent.filter((api) => ending.has(api))).toEqual([]);
    held.resolve();
    await expect(failed).rejects.toThrow("connection lost");
    isFailing = false;
    await until(async () => (await transactions.positionsOf([0], identity)).get(0) === 1n, {
      what: "the position is known",
    });
    await transactions.commit(commitOf(0, { from: 1n, to: 2n }, "again"));
    await expectValues("before", "again");
  });
});
