import { createLife, type Life } from "@fiberstream/runtime/life";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import { startTestPrometheus } from "@fiberstream/testkit/prometheus";
import type { ServiceName } from "@fiberstream/runtime/services";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { Client } from "pg";

export type FiringAlert = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
};

export type WatchedPlatform = {
  readonly namespace: string;
  readonly gatewayUrl: string;
  /** The database server of this platform. */
  readonly postgres: Awaited<ReturnType<typeof startPrivateBackingService>>;
  readonly service: (name: ServiceName) => RunningService;
  readonly alerts: () => Promise<readonly FiringAlert[]>;
  /**
   * Returns the series of an instant query.
   * @throws with Prometheus's error when the query is invalid
   */
  readonly query: (expr: string) => Promise<readonly unknown[]>;
  /** Runs a query in the platform's database. */
  readonly sql: (text: string) => Promise<readonly unknown[]>;
  readonly stop: () => Promise<void>;
};

/** Starts the services, a database server that may be stopped, and a Prometheus with shortened rules. */
export async function startWatchedPlatform(): Promise<WatchedPlatform> {
  const life = createLife();
  try {
    return await startWith(life);
  } catch (error) {
    await life.stop();
    throw error;
  }
}

async function startWith(life: Life): Promise<WatchedPlatform> {
  const namespace = testNamespace();
  const postgres = life.own(await startPrivateBackingService("postgres"), (owned) =>
    owned.remove(),
  );
  await createTestTopics(namespace);
  const database = await createTestDatabase({ serverUrl: postgres.address });
  const start = async (name: ServiceName) =>
    life.own(
      await startService(name, { NAMESPACE: namespace, DATABASE_URL: database.url }),
      (owned) => owned.kill(),
    );
  const services = {
    "ingest-gateway": await start("ingest-gateway"),
    "stream-processor": await start("stream-processor"),
    "sink-writer": await start("sink-writer"),
    console: await start("console"),
    auditor: await start("auditor"),
  };
  const started = await startTestPrometheus({
    targets: {
      "ingest-gateway": new URL(services["ingest-gateway"].adminUrl).host,
      "stream-processor": new URL(services["stream-processor"].adminUrl).host,
      "sink-writer": new URL(services["sink-writer"].adminUrl).host,
      console: new URL(services.console.adminUrl).host,
      auditor: new URL(services.auditor.adminUrl).host,
    },
    changeConfig: (text) => text.replaceAll(/: 1[05]s$/gm, ": 1s"),
    changeRules: shortened,
  });
  const prometheus = life.own(started, (owned) => owned.remove());
  const ask = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${prometheus.url}/api/v1/${path}`);
    const body = (await answer.json()) as { data: T; error?: string };
    if (!answer.ok) throw new Error(`Prometheus: ${body.error}`);
    return body.data;
  };
  return {
    namespace,
    gatewayUrl: services["ingest-gateway"].url,
    postgres,
    service: (name) => services[name],
    alerts: async () => (await ask<{ alerts: FiringAlert[] }>("alerts")).alerts,
    query: async (expr) =>
      (await ask<{ result: unknown[] }>(`query?query=${encodeURIComponent(expr)}`)).result,
    sql: (text) => readRows(database.url, text),
    stop: () => life.stop(),
  };
}

async function readRows(connectionString: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Returns rules in which a minute is a second. (promtool tests the rules with their real times.) */
const shortened = (rules: string): string =>
  rules
    .replaceAll(/\b(\d+)m\b/g, "$1s")
    .replaceAll(/\b(\d+)h\b/g, "$1m")
    .replaceAll(/\b(\d+)d\b/g, (_, days: string) => `${Number(days) * 24}m`)
    .replaceAll("> 120", "> 2");
