import { readAddressesVariable } from "./config.ts";

/** Addresses of the backing services that all tests of the run share. */
export type Addresses = {
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly redisUrl: string;
  /** The server's own database. Each test creates its own, see `createTestDatabase`. */
  readonly databaseUrl: string;
};

/** The shared backing services of this test run. Each test uses its own names in them. */
export const addresses: Addresses = readAddresses();

function readAddresses(): Addresses {
  const given = readAddressesVariable();
  if (given === undefined) {
    throw new Error(
      "this test uses real Kafka, registry, Redis and PostgreSQL. They are started only for files named *.int.test.ts and *.e2e.test.ts: rename the file",
    );
  }
  return JSON.parse(given) as Addresses;
}

/** Returns the addresses as settings of the services. */
export const addressSettings = (from: Addresses): Record<string, string> => ({
  KAFKA_BROKERS: from.kafkaBrokers,
  SCHEMA_REGISTRY_URL: from.schemaRegistryUrl,
  REDIS_URL: from.redisUrl,
  DATABASE_URL: from.databaseUrl,
});
