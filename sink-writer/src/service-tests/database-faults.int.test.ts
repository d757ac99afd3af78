import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { sampleEvent } from "../testing/sample-rows.ts";
import { createSinkFixture, type SinkFixture } from "../testing/sink-fixture.ts";

let fixture: SinkFixture;
beforeEach(async () => {
  fixture = await createSinkFixture();
});
afterEach(() => fixture.stop());

/** Statements on the sink's database; $db and $role stand for its name and a role of its own. */
const run = async (sql: string) => {
  const database = new URL(fixture.databaseUrl).pathname.slice(1);
  await fixture.sql.query(sql.replaceAll("$db", database).replaceAll("$role", `role_${database}`));
};
const throwOut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()`;
/** Every write of a row fails with this SQLSTATE. */
const refuse = (sqlState: string) => `
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '${sqlState}'; END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON metrics FOR EACH ROW EXECUTE FUNCTION refuse()`;
const allow = "DROP TRIGGER refuse ON metrics; DROP FUNCTION refuse()";

describe("a database that cannot accept rows for a while", () => {
  it.each([
    { fault: "its disk is full", begin: refuse("53100"), end: allow, reason: /53100/ },
    { fault: "a statement takes too long", begin: refuse("57014"), end: allow, reason: /57014/ },
    { fault: "a deadlock", begin: refuse("40P01"), end: allow, reason: /40P01/ },
    {
      fault: "a trigger refuses whatever comes",
      begin: refuse("P0001"),
      end: allow,
      reason: /P0001/,
    },
    {
      fault: "it is read-only after a failover",
      begin: `ALTER DATABASE $db SET default_transaction_read_only = on; ${throwOut}`,
      end: `SET default_transaction_read_only = off; ALTER DATABASE $db RESET default_transaction_read_only`,
      reason: /25006/,
    },
    {
      fault: "it has too many connections",
      // Superusers are let in whatever the limit is.
      begin: `ALTER DATABASE $db CONNECTION LIMIT 0; ${throwOut}`,
      end: "ALTER DATABASE $db CONNECTION LIMIT -1",
      reason: /53300/,
    },
  ])("is waited for: $fault", async ({ begin, end, reason }) => {
    await run(
      "CREATE ROLE $role LOGIN PASSWORD 'secret'; GRANT ALL ON ALL TABLES IN SCHEMA public TO $role",
    );
    await run("GRANT TEMPORARY ON DATABASE $db TO $role");
    try {
      const sink = await fixture.start({ DATABASE_URL: urlOfRole() });
      await fixture.send([sampleEvent()]);
      await fixture.untilStored(1);

      await run(begin);
      await fixture.send(Array.from({ length: 20 }, () => sampleEvent()));
      await fixture.untilNotReady(sink, reason);
      expect(await fixture.storedRows()).toBe(1);

      await run(end);
      await fixture.untilStored(21);
      await until(async () => (await fetch(`${sink.adminUrl}/readyz`)).ok, {
        what: "the sink is ready again",
      });
      expect(fixture.deadLetters).toEqual([]);
      expect(await sink.stop()).toBe(0);
    } finally {
      await run(`${throwOut}; DROP OWNED BY $role; DROP ROLE $role`);
    }
  });
});

describe("records that the database rejects permanently", () => {
  it("are dead-lettered, however many they are, and the sink continues", async () => {
    const sink = await fixture.start();
    const node_id = "foreign";
    await fixture.send(Array.from({ length: 300 }, () => sampleEvent({ node_id, region: "a\0b" })));
    await fixture.send([sampleEvent({ node_id })]);
    await fixture.untilStored(1);
    await until(() => fixture.deadLetters.length === 300, { what: "300 dead letters came" });
    for (const { headers } of fixture.deadLetters) {
      expect(headers["__connect.errors.exception.message"]).toContain("SQLSTATE 22021");
    }
    expect((await fetch(`${sink.adminUrl}/readyz`)).ok).toBe(true);
  });
});

const takesLong = "SELECT pg_sleep(3600)";

describe("a database that delays a part of the sink", () => {
  it("does not delay the partitions beside one whose stored offset is locked", async () => {
    const nodes = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"];
    const send = () => fixture.send(nodes.map((node_id) => sampleEvent({ node_id })));
    await fixture.start();
    await send();
    await fixture.untilStored(8);
    const { rows } = await fixture.sql.query<{ partition: number; count: number }>(`
      SELECT partition, next_offset::int AS count FROM sink_offsets
      WHERE next_offset > 0 ORDER BY partition DESC LIMIT 1`);
    const [locked] = rows;
    await fixture.sql.query("BEGIN");
    await fixture.sql.query("SELECT FROM sink_offsets WHERE partition = $1 FOR UPDATE", [
      locked?.partition,
    ]);
    await send();
    await fixture.untilStored(16 - (locked?.count ?? 0));
    await send();
    await fixture.untilStored(24 - 2 * (locked?.count ?? 0), 10_000);
    await fixture.sql.query("ROLLBACK");
    await fixture.untilStored(24);
  });

  it("does not delay its writes by slow periodic tasks", async () => {
    await run(`
      CREATE SCHEMA slow;
      CREATE VIEW slow.pg_stat_activity AS
        SELECT activity.* FROM (${takesLong}) AS late LEFT JOIN pg_catalog.pg_stat_activity AS activity ON true;
      CREATE VIEW slow.metric_quality_days AS
        SELECT days.* FROM (${takesLong}) AS late LEFT JOIN public.metric_quality_days AS days ON true;
      CREATE VIEW slow.metric_quality_daily AS
        SELECT daily.* FROM (${takesLong}) AS late LEFT JOIN public.metric_quality_daily AS daily ON true;
      ALTER DATABASE $db SET search_path = slow, pg_catalog, public`);
    await fixture.start({ SINK_WRITERS: "1" });
    await until(
      async () => {
        const { rowCount } = await fixture.sql.query(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
        );
        return (rowCount ?? 0) >= 2;
      },
      { what: "two queries beside the writes take long" },
    );
    await fixture.send([sampleEvent()]);
    await fixture.untilStored(1, 4_000);
  });
});

describe("a database that needs an operator", () => {
  it.each([
    {
      fault: "a table was dropped",
      begin: "ALTER TABLE metrics RENAME TO metrics_gone",
      end: "ALTER TABLE metrics_gone RENAME TO metrics",
      reason: /42P01.*Run the migrations/,
    },
    {
      fault: "the credentials are refused",
      begin: `ALTER ROLE $role PASSWORD 'changed'; ${throwOut}`,
      end: "ALTER ROLE $role PASSWORD 'secret'",
      reason: /28P01.*Check user, password/,
    },
    {
      fault: "nodes are refused",
      begin: "ALTER TABLE nodes ADD CONSTRAINT refuse CHECK (false) NOT VALID",
      end: "ALTER TABLE nodes DROP CONSTRAINT refuse",
      reason: /23514.*Look for constraints/,
    },
    {
      fault: "the user may not write",
      begin: "REVOKE INSERT ON metrics FROM $role",
      end: "GRANT INSERT ON metrics TO $role",
      reason: /42501.*Grant this user/,
    },
  ])(
    "makes the sink stop, and nothing is dead-lettered: $fault",
    async ({ begin, end, reason }) => {
      await run(
        "CREATE ROLE $role LOGIN PASSWORD 'secret'; GRANT ALL ON ALL TABLES IN SCHEMA public TO $role",
      );
      await run("GRANT TEMPORARY ON DATABASE $db TO $role");
      try {
        const sink = await fixture.start({ DATABASE_URL: urlOfRole() });
        await fixture.send([sampleEvent()]);
        await fixture.untilStored(1);

        await run(begin);
        await fixture.send(
          Array.from({ length: 20 }, (_, place) => sampleEvent({ node_id: `n${place}` })),
        );
        await fixture.untilNotReady(sink, reason);
        expect(await sink.stop()).toBe(0);

        await run(end);
        await fixture.start({ DATABASE_URL: urlOfRole() });
        await fixture.untilStored(21);
        expect(fixture.deadLetters).toEqual([]);
      } finally {
        await run(`${throwOut}; DROP OWNED BY $role; DROP ROLE $role`);
      }
    },
  );
});

function urlOfRole(): string {
  const url = new URL(fixture.databaseUrl);
  url.username = `role_${url.pathname.slice(1)}`;
  url.password = "secret";
  return url.href;
}
