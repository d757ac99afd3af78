/**
 * The services, in the order in which an event passes them; the console only reads, and the auditor is beside it. Other lists derive from this table;
 * `deploy/src/local/service-names.test.ts` compares it with the files that cannot: Compose, chart, scrape targets, docs.
 */
export const SERVICES = {
  "ingest-gateway": { adminPort: 8010, databaseRole: "fiberstream_gateway" },
  "stream-processor": { adminPort: 8020, databaseRole: "fiberstream_processor" },
  "sink-writer": { adminPort: 8030, databaseRole: "fiberstream_sink" },
  console: { adminPort: 8040, databaseRole: "fiberstream_console" },
  auditor: { adminPort: 8050, databaseRole: "fiberstream_auditor" },
} as const satisfies Readonly<
  Record<
    string,
    {
      /** Default port of the admin server. */
      readonly adminPort: number;
      /** Its account in PostgreSQL. */
      readonly databaseRole: string;
    }
  >
>;

export type ServiceName = keyof typeof SERVICES;

export const SERVICE_NAMES = Object.keys(SERVICES) as readonly ServiceName[];

/** A value for each service. */
export const forEachService = <T>(valueOf: (name: ServiceName) => T): Record<ServiceName, T> =>
  Object.fromEntries(SERVICE_NAMES.map((name) => [name, valueOf(name)])) as Record<ServiceName, T>;
