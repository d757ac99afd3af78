import type { Redis } from "@fiberstream/redis/redis";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import { Gauge, type Registry } from "prom-client";

/** The usual scrape interval. */
const INTERVAL_MS = 15_000;

type Memory = { readonly usedBytes: number; readonly maxBytes: number };

/**
 * Creates the gauges of Redis' memory.
 * @returns a function that sets them; undefined: the check failed, and nothing is known
 */
export function createRedisGauges(registry: Registry): (memory: Memory | undefined) => void {
  const registers = [registry];
  const used = new Gauge({
    name: "fiberstream_redis_used_memory_bytes",
    help: "Memory that Redis uses for its data; NaN while it is unavailable, or where the processor may not run INFO",
    registers,
  });
  const max = new Gauge({
    name: "fiberstream_redis_max_memory_bytes",
    help: "Redis' maxmemory; 0: no limit. At the limit Redis rejects writes: batch responses are no longer stored, and gateways continue without duplicate protection",
    registers,
  });
  const show = (memory: Memory | undefined) => {
    used.set(memory?.usedBytes ?? Number.NaN);
    max.set(memory?.maxBytes ?? Number.NaN);
  };
  show(undefined);
  return show;
}

/** Updates the gauges of Redis until the end of `life`. */
export function watchRedis(options: {
  redis: Redis;
  registry: Registry;
  life: Life;
  log: Log;
}): void {
  const { redis, registry, life, log } = options;
  const show = createRedisGauges(registry);
  const checks = createRepeatedTask({
    name: "check redis",
    work: async () => {
      // While Redis is unavailable, its users log that.
      show(redis.isUp() ? await readMemory(redis).catch(() => undefined) : undefined);
    },
    intervalMs: INTERVAL_MS,
    startsAtOnce: true,
    log,
  });
  checks.begin();
  life.own(checks, (owned) => owned.end());
}

async function readMemory({ client }: Redis): Promise<Memory> {
  const info = await client.info("memory");
  const numberOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1]);
  return { usedBytes: numberOf("used_memory"), maxBytes: numberOf("maxmemory") };
}
