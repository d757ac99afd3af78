import { randomUUID } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { leaveGroupV5 } from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readLogStarts } from "../broker/log-starts.ts";
import { beginWithLog, foreignOffsets } from "./accept-log.ts";
import { createCoordinators } from "./coordinator/coordinators.ts";
import { createTransactionsBench, type TransactionsBench } from "./testing/transactions-bench.ts";

let life: Life;
let bench: TransactionsBench;
beforeEach(async () => {
  life = createLife();
  bench = await createTransactionsBench({ brokers: [addresses.kafkaBrokers], life, partitions: 3 });
});
afterEach(() => life.stop());

const leave = async () => {
  const { memberId } = bench.member.identity();
  await createCoordinators(bench.connections).ask(
    { kind: "group", key: bench.groupId, channel: "group" },
    leaveGroupV5.api,
    ({ errorCode }) => [errorCode],
    bench.groupId,
    [{ memberId, groupInstanceId: null, reason: null }],
  );
};

describe("accepting a log", () => {
  it("moves an empty group to the beginning if its offsets are of another log, and only then", async () => {
    const { connections, groupId, topic, identity, commitOf } = bench;
    const group = { connections, groupId, topic };
    const before = bench.process();
    await before.positionsOf([0, 1, 2], identity);
    const old = { ...identity, topicId: randomUUID() };
    await before.commit({ ...commitOf(0, { from: 0n, to: 7n }), log: old });
    await before.commit(commitOf(1, { from: 0n, to: 5n }));
    const found = await readLogStarts(connections, topic);
    const foreign = await until(() => foreignOffsets({ ...group, found }), {
      what: "the commits are through",
    });
    expect(foreign).toEqual([{ partition: 0, offset: 7n, log: old, start: 0n }]);

    const starts = new Map([[0, 0n]]);
    const early = beginWithLog({ ...group, log: identity, starts });
    await expect(early).rejects.toThrow("Stop all processors first");
    await leave();
    await beginWithLog({ ...group, log: identity, starts });
    expect(await foreignOffsets({ ...group, found })).toEqual([]);
    const positions = await bench.process().positionsOf([0, 1, 2], identity);
    expect([...positions]).toEqual([
      [0, 0n],
      [1, 5n],
      [2, "beginning"],
    ]);
  });
});
