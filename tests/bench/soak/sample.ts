import { createClient } from "@redis/client";
import type { Life } from "@fiberstream/runtime/life";
import type { Testbed } from "../end-to-end/testbed.ts";
import { loggedBytes } from "../end-to-end/idle.ts";
import { openFilesOf, rssMb } from "../harness/process-cost.ts";
import type { BenchService } from "../harness/service.ts";

/** Sizes of all resources at one time. */
export type Sample = {
  /** Seconds since the load began. */
  readonly seconds: number;
  readonly services: Readonly<Record<string, ServiceSample>>;
  readonly redisMb: number;
  readonly redisKeys: number;
  readonly databaseConnections: number;
  readonly loggedBytes: number;
};

type ServiceSample = {
  readonly rssMb: number;
  readonly heapMb: number;
  readonly openFiles: number;
  /** Active handles of Node, such as sockets and servers. */
  readonly handles: number;
};

/** @returns a function that takes one sample */
export async function createSampler(life: Life, testbed: Testbed): Promise<() => Promise<Sample>> {
  const redis = life.own(createClient({ url: testbed.backingServices.redisUrl }), (owned) =>
    owned.close(),
  );
  redis.on("error", () => undefined);
  await redis.connect();
  const fromMs = performance.now();
  return async () => {
    const services = await Promise.all(
      testbed.services.map(async (service) => [service.service, await sampleOf(service)] as const),
    );
    const { rows } = await testbed.sql.query<{ connections: number }>(
      "SELECT count(*)::int AS connections FROM pg_stat_activity WHERE application_name LIKE 'fiberstream-%'",
    );
    const memory = await redis.info("memory");
    return {
      seconds: (performance.now() - fromMs) / 1_000,
      services: Object.fromEntries(services),
      redisMb: Number(/used_memory:(\d+)/.exec(memory)?.[1]) / 1_048_576,
      redisKeys: await redis.dbSize(),
      databaseConnections: rows[0]?.connections ?? 0,
      loggedBytes: loggedBytes(testbed),
    };
  };
}

async function sampleOf({ pid, adminUrl }: BenchService): Promise<ServiceSample> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const gauge = (name: string) =>
    Number(new RegExp(`^${name}(?:\\{.*\\})? ([\\d.e+-]+)`, "m").exec(text)?.[1] ?? NaN);
  return {
    rssMb: rssMb(pid),
    heapMb: gauge("nodejs_heap_size_used_bytes") / 1_048_576,
    openFiles: openFilesOf(pid),
    handles: gauge("nodejs_active_handles_total"),
  };
}
