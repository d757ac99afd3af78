import { loadavg } from "node:os";
import { connectRedis } from "@fiberstream/redis/redis";
import { createLog } from "@fiberstream/runtime/log";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import type { RunningService } from "@fiberstream/testkit/service";
import type { TestBackingService } from "@fiberstream/testkit/test-backing-service";
import { until } from "@fiberstream/testkit/until";
import { createToken } from "../../harness/api-token.ts";
import type { BenchContext } from "../../harness/command.ts";
import { startSharedTestkit } from "../../harness/shared-testkit.ts";
import { measure, type Measured } from "../measure.ts";
import { profileEnvironment } from "../profile-environment.ts";
import type { Attacked } from "./attack.ts";
import { startAttack } from "./start-attack.ts";
import { startTraceSink } from "./trace-sink.ts";

export type HostileOptions = {
  readonly seconds: number;
  readonly redis: "up" | "full" | "away";
  readonly profile: string | undefined;
  readonly attack: string | undefined;
};
export type HostileFigures = {
  /** The honest probe without an attack. */
  readonly calm: Measured;
  readonly attacked: Measured;
  readonly after: Measured;
  readonly attack: Attacked;
  /** Load average of the last minute of the attack. */
  readonly loadAverage: number;
};

/** A sender of fifty single events per second, like the relay of a small site. */
const HONEST = { name: "honest", eventsPerRequest: 1, isCompressed: false, connections: 4 };
const HONEST_RATE = 50;
const WARM_UP_SECONDS = 5;

/** Measures the answer times of an honest probe before, during and after an attack. */
export async function measureHostile(
  { seconds, redis: redisState, profile, attack: only }: HostileOptions,
  { life, progress }: BenchContext,
): Promise<HostileFigures> {
  const { createTestDatabase, createTestTopics, startService } = await startSharedTestkit({
    life,
    progress,
  });
  await createTestTopics("");
  const { url: databaseUrl } = await createTestDatabase();
  const redis = life.own(await startPrivateBackingService("redis"), (owned) => owned.remove());
  const traces = life.own(await startTraceSink(), (owned) => owned.close());
  const gateway = life.own(
    await startService("ingest-gateway", {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.address,
      AUTH_MODE: "keys",
      LOG_LEVEL: "warn",
      OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
      ...profileEnvironment(profile),
    }),
    (owned) => owned.stop(),
  );
  const token = await createToken(databaseUrl, { tenant: "bench" });
  const measureHonest = (name: string, forSeconds: number) =>
    measure(gateway, HONEST, { name, token, seconds: forSeconds, rate: HONEST_RATE });

  progress.step("the honest probe without an attack");
  await measureHonest("warm-up", WARM_UP_SECONDS);
  const calm = await measureHonest("calm", seconds);
  await bring(redis, redisState);
  progress.step("the honest probe during the attack");
  const attack = life.own(
    await startAttack({ ...(await planAgainst(gateway, databaseUrl)), only }),
    (owned) => owned.kill(),
  );
  const attacked = await measureHonest("attacked", seconds);
  const [loadAverage = NaN] = loadavg();
  const came = await attack.end();
  progress.step("the honest probe after the attack");
  const after = await measureHonest("after", WARM_UP_SECONDS);
  return { calm, attacked, after, attack: came, loadAverage };
}

async function planAgainst(gateway: RunningService, databaseUrl: string) {
  const { hostname: host, port } = new URL(gateway.url);
  const token = await createToken(databaseUrl, { tenant: "hostile" });
  const poorToken = await createToken(databaseUrl, { tenant: "poor", ratePerSecond: 1 });
  return { host, port: Number(port), token, poorToken };
}

async function bring(redis: TestBackingService, state: HostileOptions["redis"]): Promise<void> {
  if (state === "up") return;
  if (state === "away") {
    await redis.kill();
    return;
  }
  const log = createLog({ service: "bench", level: "error", format: "json" });
  const connection = connectRedis({ url: redis.address, log });
  try {
    await until(connection.isUp, { what: "Redis answers" });
    await connection.client.configSet("maxmemory", "1");
  } finally {
    await connection.close();
  }
}
