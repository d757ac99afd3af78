import { TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { ensureTopics } from "../../admin/topic-admin.ts";
import type { Connections } from "../../broker/connections.ts";
import { type PartitionBatch, produceBatches } from "../../protocol/produce-request.ts";
import { RecordRefusedError } from "../../errors/record-refused.ts";
import { createTransactionsBench, type TransactionsBench } from "../testing/transactions-bench.ts";

let life: Life;
let bench: TransactionsBench;
beforeEach(async () => {
  life = createLife();
  bench = await createTransactionsBench({ brokers: [addresses.kafkaBrokers], life, partitions: 3 });
});
afterEach(() => life.stop());

const placed = async (partitions: readonly number[], connections = bench.connections) => {
  const transactions = bench.process({ connections });
  const isPlaced = async () =>
    (await transactions.positionsOf(partitions, bench.identity)).size === partitions.length;
  await until(isPlaced, { what: "all positions are known" });
  return transactions;
};

it("treats a timestamp as rejected if it is also wrong by this process's clock", async () => {
  const { topic } = bench;
  const transactions = await placed([1]);
  const timestamp = String(Date.now() + 7_200_000);
  const records = [
    { key: null, value: Buffer.from("now") },
    { key: null, value: Buffer.from("two hours ahead"), timestamp },
  ];
  const commit = {
    ...bench.commitOf(1, { from: 0n, to: 1n }),
    batches: [{ topic, partition: 1, records }],
  };
  expect(await transactions.commit(commit).catch(refusedIn)).toEqual([records[1]]);
});

it("waits for a leader if only that leader's clock is wrong", async () => {
  let isBehind = true;
  const transactions = await placed(
    [1],
    answering(
      INVALID_TIMESTAMP,
      () => isBehind,
      () => undefined,
    ),
  );
  const commit = bench.commitOf(1, { from: 0n, to: 1n }, "of now");
  await expect(transactions.commit(commit)).rejects.toThrow(TransientError);
  isBehind = false;
  const again = async () => {
    await transactions.positionsOf([1], bench.identity);
    return transactions.commit(commit).then(
      () => true,
      () => false,
    );
  };
  await until(again, { what: "the records are taken" });
});

it("reports to each commit only its own rejected records", async () => {
  const { kafka } = bench;
  const topic = `${bench.topic}-one`;
  const config = { "max.message.bytes": "2000" };
  await ensureTopics({ kafka, topics: [{ topic, partitions: 1, config }] });
  const transactions = await placed([1, 2]);
  const [one, other] = [1, 2].map((partition) => {
    const records = [{ key: null, value: Buffer.alloc(3_000, String(partition)) }];
    // The topic has no such partition: both go where their keys say, to the same one.
    const commit = bench.commitOf(partition, { from: 0n, to: 1n });
    return Object.assign(commit, { batches: [{ topic, partition, records }] });
  });
  const refused = await Promise.all(
    [one, other].map(
      async (commit) => commit && transactions.commit(commit).then(() => [], refusedIn),
    ),
  );
  const values = refused.map((own) => own?.map(({ value }) => String(value).slice(0, 1)));
  expect(values).toEqual([["1"], ["2"]]);
});

const refusedIn = (error: unknown) =>
  error instanceof RecordRefusedError ? error.records : [{ key: null, value: String(error) }];

/** As if the leader of partition 1 refused with `errorCode`, for as long as `isSo` says so. */
const answering = (errorCode: number, isSo: () => boolean, onAsked: () => void): Connections => ({
  ...bench.connections,
  call: async (to, channel, request, ...args) => {
    const api: unknown = request.api;
    if (api !== produceBatches || !isSo()) {
      return bench.connections.call(to, channel, request, ...args);
    }
    const [id, batches] = args as unknown as [string, PartitionBatch[]];
    const taken = batches.filter(({ partition }) => partition !== 1);
    const answer =
      taken.length === 0
        ? { responses: [], throttleTimeMs: 0 }
        : await bench.connections.call(to, channel, { api: produceBatches }, id, taken);
    if (taken.length < batches.length) {
      onAsked();
      const partitionResponses = [{ index: 1, errorCode }];
      answer.responses.push({ name: bench.topic, partitionResponses } as never);
    }
    return answer as Awaited<ReturnType<typeof request.api.async>>;
  },
});

const NOT_ENOUGH_REPLICAS = 19;
const INVALID_TIMESTAMP = 32;

it("delays only the partition whose batch is not accepted", async () => {
  const { commitOf, identity } = bench;
  let isShort = true;
  let asked = 0;
  const transactions = await placed(
    [0, 1],
    answering(
      NOT_ENOUGH_REPLICAS,
      () => isShort,
      () => asked++,
    ),
  );
  const known = async (partition: number) =>
    until(async () => (await transactions.positionsOf([partition], identity)).get(partition), {
      what: `the position of partition ${partition} is known`,
    });
  const outcome = (commit: Promise<void>) =>
    commit.then(
      () => "committed",
      (error: unknown) => String(error),
    );
  const begunMs = performance.now();
  const shared = await Promise.all([
    outcome(transactions.commit(commitOf(0, { from: 0n, to: 1n }, "a"))),
    outcome(transactions.commit(commitOf(1, { from: 0n, to: 1n }, "b"))),
  ]);
  expect(shared).toEqual([
    expect.stringContaining("NOT_ENOUGH_REPLICAS"),
    expect.stringContaining("NOT_ENOUGH_REPLICAS"),
  ]);
  // Its neighbour is not to wait for it for seconds.
  expect(performance.now() - begunMs).toBeLessThan(2_000);

  await known(0);
  await known(1);
  const before = asked;
  let isSettled = false;
  const waiting = outcome(transactions.commit(commitOf(1, { from: 0n, to: 1n }, "b"))).finally(
    () => (isSettled = true),
  );
  await until(() => asked > before, { what: "its leader was asked again" });
  for (let at = 0n; at < 5n; at++) {
    await transactions.commit(commitOf(0, { from: at, to: at + 1n }, `a${at}`));
  }
  expect(isSettled).toBe(false);
  isShort = false;
  expect(await waiting).toBe("committed");
  await until(async () => (await bench.committedRecords()).length === 6, {
    what: "all records are committed",
  });
});
