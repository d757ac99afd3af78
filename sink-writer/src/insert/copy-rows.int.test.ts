import net from "node:net";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { copyRows } from "./copy-rows.ts";

let life: Life;
beforeEach(() => {
  life = createLife();
});
afterEach(() => life.stop());

/** A way to the server on which its answers can be held back. */
async function openSlowWay() {
  const server = new URL(addresses.databaseUrl);
  let isHeld = false;
  let openConnections = 0;
  const proxy = net.createServer((near) => {
    openConnections++;
    const far = net.connect(Number(server.port), server.hostname);
    near.on("data", (bytes) => void far.write(bytes));
    far.on("data", (bytes) => void (isHeld || near.write(bytes)));
    near.on("error", () => undefined).on("close", () => (openConnections--, far.destroy()));
    far.on("error", () => undefined).on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  life.own(proxy, (owned) => void owned.close());
  const { port } = proxy.address() as net.AddressInfo;
  return {
    url: Object.assign(new URL(server), { hostname: "127.0.0.1", port }).href,
    hold: () => (isHeld = true),
    openConnections: () => openConnections,
  };
}

describe("a COPY that is not answered in time", () => {
  it("closes its connection, because a late answer would be taken for that of another query", async () => {
    const way = await openSlowWay();
    const pool = life.own(
      new pg.Pool({ connectionString: way.url, query_timeout: 1_000, max: 1 }),
      (owned) => owned.end(),
    );
    pool.on("connect", (connected) => connected.on("error", () => undefined));
    const client = await pool.connect();
    try {
      await client.query("BEGIN; CREATE TEMP TABLE copied (value int)");
      way.hold();
      const copy = copyRows(client, "COPY copied FROM STDIN (FORMAT binary)", Buffer.alloc(0));
      await expect(copy).rejects.toThrow("Query read timeout");
      await expect(client.query("ROLLBACK")).rejects.not.toThrow("Query read timeout");
      await until(() => way.openConnections() === 0, { what: "the connection is closed" });
    } finally {
      client.release(true);
    }
  });

  it("keeps its connection when the server rejects the rows", async () => {
    const pool = life.own(new pg.Pool({ connectionString: addresses.databaseUrl }), (owned) =>
      owned.end(),
    );
    const client = await pool.connect();
    try {
      const copy = copyRows(client, "COPY never FROM STDIN (FORMAT binary)", Buffer.alloc(0));
      await expect(copy).rejects.toMatchObject({ code: "42P01" });
      expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    } finally {
      client.release();
    }
  });
});
