import { mkdirSync } from "node:fs";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Life } from "@fiberstream/runtime/life";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import { SERVICE_NAMES, type ServiceName } from "@fiberstream/runtime/services";
import { Client } from "pg";
import {
  type BenchBackingServices,
  startBenchBackingServices,
} from "../harness/backing-services.ts";
import { type BenchService, CHECKOUT, startBenchService } from "../harness/service.ts";
import { createTopicsWith } from "./scale/topics-with.ts";

/** The backing services and services of one run. */
export type Testbed = {
  readonly backingServices: BenchBackingServices;
  readonly sql: Client;
  readonly services: readonly BenchService[];
  readonly gatewayUrls: readonly string[];
  /** Returns the number of rows that the sinks have committed, by their metrics. */
  readonly rowsWritten: () => Promise<number>;
  /** Returns the number of rows in the table, and how many of them are duplicates. */
  readonly rowsInTable: () => Promise<{ rows: number; doubled: number }>;
};

const run = promisify(execFile);

export type TestbedOptions = {
  /** The checkout whose services and migrations run; default: this one. */
  readonly checkout?: string;
  /** Number of processes of each service. */
  readonly processes?: number;
  /** Number of partitions of each topic; default: that of the catalogue. */
  readonly partitions?: number | undefined;
  /** Folder for CPU profiles (absolute path). */
  readonly profile?: string | undefined;
  readonly settings?: Readonly<Record<string, string>>;
};

/** Starts backing services and services, and waits until they are ready. All are stopped with `life`. */
export async function startTestbed(
  life: Life,
  onProgress: (progress: string) => void,
  options: TestbedOptions = {},
): Promise<Testbed> {
  const { checkout = CHECKOUT, processes = 1, partitions, profile, settings = {} } = options;
  const backingServices = await startBenchBackingServices(life, onProgress);
  onProgress("migrating, creating topics");
  await runStep(checkout, "migrate", backingServices);
  if (partitions === undefined) await runStep(checkout, "topics", backingServices);
  else await createTopicsWith(backingServices, partitions);

  onProgress("starting the services");
  if (profile !== undefined) mkdirSync(profile, { recursive: true });
  const services: BenchService[] = [];
  for (const service of SERVICE_NAMES) {
    for (let at = 1; at <= processes; at++) {
      const name = `${service}-${at}`;
      const nodeArgs =
        profile === undefined
          ? []
          : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`];
      const started = await startBenchService({
        checkout,
        service,
        name,
        backingServices,
        settings,
        nodeArgs,
      });
      services.push(life.own(started, (owned) => owned.end()));
    }
  }
  return testbedOf(life, backingServices, services);
}

/** Connects to the database, and returns the testbed of services that run already. */
export async function testbedOf(
  life: Life,
  backingServices: BenchBackingServices,
  services: readonly BenchService[],
): Promise<Testbed> {
  const sql = life.own(new Client({ connectionString: backingServices.databaseUrl }), (owned) =>
    owned.end(),
  );
  await sql.connect();
  return {
    backingServices,
    sql,
    services,
    gatewayUrls: instancesOf(services, "ingest-gateway").map(({ url }) => url),
    rowsWritten: async () => {
      const counts = await Promise.all(instancesOf(services, "sink-writer").map(rowsOfSink));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    rowsInTable: async () => {
      const { rows } = await sql.query<{ rows: number; doubled: number }>(COUNT_ROWS);
      return rows[0] ?? { rows: 0, doubled: 0 };
    },
  };
}

export const instancesOf = (services: readonly BenchService[], name: ServiceName): BenchService[] =>
  services.filter(({ service }) => service === name);

/** Counts only the load's rows, because the table may have been filled before. It uses the order of the identity index, without a sort. */
const COUNT_ROWS = `
  SELECT coalesce(sum(times), 0)::float8 AS rows, coalesce(sum(times - 1), 0)::float8 AS doubled
  FROM (
    SELECT count(*) AS times FROM metrics
    WHERE node_id >= 'bench-' AND node_id < 'bench.'
    GROUP BY node_id, time
  ) AS identities`;

async function rowsOfSink({ adminUrl }: BenchService): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return [...text.matchAll(/^fiberstream_sink_rows_total\{.*\} (\d+)/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

async function runStep(
  checkout: string,
  step: "migrate" | "topics",
  backingServices: BenchBackingServices,
): Promise<void> {
  await run(process.execPath, [join(checkout, `deploy/src/${step}.ts`)], {
    cwd: checkout,
    env: {
      ...inheritedEnvironment(),
      KAFKA_BROKERS: backingServices.kafkaBrokers,
      SCHEMA_REGISTRY_URL: backingServices.schemaRegistryUrl,
      DATABASE_URL: backingServices.databaseUrl,
    },
  });
}
