import { givenAddresses } from "./config.ts";

/** Where the run's shared backing services are. */
export type Addresses = {
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly redisUrl: string;
  /** The server's own database; tests make one each, see `createTestDatabase`. */
  readonly databaseUrl: string;
};

/** The shared backing services of this test run; every test uses names of its own in them. */
export const addresses: Addresses = readAddresses();

function readAddresses(): Addresses {
  const given = givenAddresses();
  if (given === undefined) {
    throw new Error(
      "this test uses real Kafka, registry, Redis and PostgreSQL, which are started only for files named *.int.test.ts and *.e2e.test.ts",
    );
  }
  return JSON.parse(given) as Addresses;
}

/** The backing services as the services' settings name them. */
export const addressSettings = (from: Addresses): Record<string, string> => ({
  KAFKA_BROKERS: from.kafkaBrokers,
  SCHEMA_REGISTRY_URL: from.schemaRegistryUrl,
  REDIS_URL: from.redisUrl,
  DATABASE_URL: from.databaseUrl,
});
