import { createTestDatabase } from "@fiberstream/testkit/database";
import { freePort } from "@fiberstream/testkit/free-ports";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { SERVICE_NAMES, type ServiceName } from "@fiberstream/runtime/services";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { Client } from "pg";

export type Platform = {
  readonly namespace: string;
  readonly gatewayUrl: string;
  readonly databaseUrl: string;
  readonly service: (name: ServiceName) => RunningService;
  /** Restarts a service that has ended, with the same settings and public port. */
  readonly restart: (name: ServiceName) => Promise<void>;
  readonly query: <Row extends object>(sql: string, values?: unknown[]) => Promise<Row[]>;
  /**
   * Stops the services in order.
   * @throws with the log of a service that does not stop cleanly
   */
  readonly stop: () => Promise<void>;
};

/**
 * Starts the services with their own topics and database, and waits until they are ready.
 *
 * @param settings further settings of all services
 */
export async function startPlatform(
  settings: Readonly<Record<string, string>> = {},
): Promise<Platform> {
  const namespace = testNamespace();
  const port = await freePort();
  const [database] = await Promise.all([createTestDatabase(), createTestTopics(namespace)]);
  const start = (name: ServiceName) =>
    startService(name, {
      NAMESPACE: namespace,
      DATABASE_URL: database.url,
      // The gateway has the same public address after a restart, as behind a load balancer.
      ...(name === "ingest-gateway" && { PORT: String(port) }),
      ...settings,
    });
  const services = new Map<ServiceName, RunningService>();
  const starting = await Promise.allSettled(
    SERVICE_NAMES.map(async (name) => services.set(name, await start(name))),
  );
  for (const result of starting) {
    if (result.status === "fulfilled") continue;
    // Otherwise their processes would keep the test run alive.
    await Promise.all([...services.values()].map((service) => service.kill()));
    await database.drop();
    throw result.reason;
  }
  const client = new Client({ connectionString: database.url });
  await client.connect();

  const service = (name: ServiceName): RunningService => {
    const found = services.get(name);
    if (found === undefined) throw new Error(`${name} was not started`);
    return found;
  };
  return {
    namespace,
    gatewayUrl: `http://127.0.0.1:${port}`,
    databaseUrl: database.url,
    service,
    restart: async (name) => void services.set(name, await start(name)),
    query: async <Row extends object>(sql: string, values: unknown[] = []) =>
      (await client.query<Row>(sql, values)).rows,
    stop: async () => {
      const codes = await Promise.all(SERVICE_NAMES.map((name) => service(name).stop()));
      await client.end();
      await database.drop();
      for (const [at, name] of SERVICE_NAMES.entries()) {
        if (codes[at] === 0) continue;
        throw new Error(`${name} ended with code ${codes[at]}. Its log:\n${service(name).logs()}`);
      }
    },
  };
}
