import { randomBytes } from "node:crypto";
import { migrate } from "@fiberstream/provisioning/migrate";
import { Client } from "pg";
import { addresses } from "./addresses.ts";

export type TestDatabase = {
  readonly url: string;
  /** Deletes it, also while clients are connected. */
  readonly drop: () => Promise<void>;
};

/**
 * Creates a database for one test, migrated to the newest version.
 *
 * @param options.serverUrl another server than the shared one, e.g. a private backing service
 */
export async function createTestDatabase(
  options: { serverUrl?: string } = {},
): Promise<TestDatabase> {
  const { serverUrl = addresses.databaseUrl } = options;
  const name = `test_${randomBytes(6).toString("hex")}`;
  const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  await onServer(serverUrl, `CREATE DATABASE ${name}`);
  await migrate({ databaseUrl: url, print: () => undefined });
  return { url, drop: () => onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function onServer(serverUrl: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
