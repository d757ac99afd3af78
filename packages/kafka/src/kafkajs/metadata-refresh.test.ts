import { createRequire } from "node:module";
import { afterEach, expect, it, jest } from "@jest/globals";
import { tolerateLeaderlessPartitions } from "./metadata-refresh.ts";

const require = createRequire(import.meta.url);
type Pool = {
  metadata: object | null;
  refreshMetadata: (topics: readonly string[]) => Promise<void>;
  refreshMetadataIfNecessary: (topics: readonly string[]) => Promise<void>;
};
const BrokerPool = require("kafkajs/src/cluster/brokerPool") as new (options: object) => Pool;
const MAX_AGE_MS = 300_000;

afterEach(() => void jest.restoreAllMocks());

/** A pool of which one broker answers for one topic. */
function poolOf(leader: number) {
  tolerateLeaderlessPartitions();
  const log = { debug: () => undefined, error: () => undefined };
  const logger = { ...log, namespace: () => log };
  const pool = new BrokerPool({ logger, metadataMaxAge: MAX_AGE_MS, connectionPoolBuilder: {} });
  let asked = 0;
  const metadata = {
    brokers: [],
    topicMetadata: [{ topic: "a", partitionMetadata: [{ partitionErrorCode: 0, leader }] }],
  };
  const broker = { metadata: async () => (asked++, metadata) };
  Object.assign(pool, {
    findConnectedBroker: async () => broker,
    seedBroker: { connectionPool: { host: "a", port: 1 } },
  });
  return { pool, asked: () => asked };
}

/** Sets the machine's clock, and lets time pass. */
function step({ setMs, passMs }: { setMs: number; passMs: number }) {
  const [wallMs, elapsedMs] = [Date.now(), performance.now()];
  jest.spyOn(Date, "now").mockReturnValue(wallMs + setMs + passMs);
  jest.spyOn(performance, "now").mockReturnValue(elapsedMs + passMs);
}

it("measures the age of metadata by a monotonic clock", async () => {
  const { pool, asked } = poolOf(1);
  await pool.refreshMetadataIfNecessary(["a"]);
  expect(asked()).toBe(1);
  step({ setMs: 3_600_000, passMs: 1_000 });
  await pool.refreshMetadataIfNecessary(["a"]);
  expect(asked()).toBe(1);
  jest.restoreAllMocks();
  step({ setMs: -3_600_000, passMs: MAX_AGE_MS + 1_000 });
  await pool.refreshMetadataIfNecessary(["a"]);
  expect(asked()).toBe(2);
  await pool.refreshMetadataIfNecessary(["another"]);
  expect(asked()).toBe(3);
});

it("reads the metadata again soon if a leader is missing", async () => {
  const { pool, asked } = poolOf(-1);
  await pool.refreshMetadataIfNecessary(["a"]);
  step({ setMs: 0, passMs: 1_100 });
  await pool.refreshMetadataIfNecessary(["a"]);
  expect(asked()).toBe(2);
});
