import { randomBytes } from "node:crypto";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { readSettings } from "@fiberstream/runtime/settings";
import { addresses } from "@fiberstream/testkit/addresses";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { migrate } from "./migrate.ts";
import { contradictionIn, type Retention } from "./retention.ts";
import { retentionSettings } from "./retention-settings.ts";

let life: Life;
let databaseUrl: string;
let owner: pg.Client;
const standard = readSettings(retentionSettings(), {});

const migrated = async (retention: Partial<Retention> = {}) => {
  const lines: string[] = [];
  await migrate({
    databaseUrl,
    retention: { ...standard, ...retention },
    print: (line) => lines.push(line),
  });
  return lines;
};
const connect = async (url: string) => {
  const client = life.own(new pg.Client({ connectionString: url }), (owned) => owned.end());
  await client.connect();
  return client;
};
beforeAll(async () => {
  life = createLife();
  const name = `test_${randomBytes(6).toString("hex")}`;
  databaseUrl = Object.assign(new URL(addresses.databaseUrl), { pathname: `/${name}` }).href;
  const server = await connect(addresses.databaseUrl);
  life.own(name, () => server.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`));
  await migrated();
  owner = await connect(databaseUrl);
});
afterAll(() => life.stop());

type Days = Partial<Record<"raw" | "minutes" | "hourly" | "daily", number>>;
const asConsole = async ({ raw = 7, minutes = 30, hourly = 90, daily = 365 }: Days) => {
  await owner.query("BEGIN; SET LOCAL ROLE fiberstream_console");
  try {
    await owner.query("SELECT change_retention($1, $2, $3, $4, 90, 365)", [
      raw,
      minutes,
      hourly,
      daily,
    ]);
  } catch (error) {
    await owner.query("ROLLBACK");
    throw error;
  }
  await owner.query("COMMIT");
};
const kept = async (relation: string) => {
  const { rows } = await owner.query<{ days: number }>(
    "SELECT extract(day FROM drop_after)::integer AS days FROM data_lifecycle WHERE relation = $1",
    [relation],
  );
  return rows[0]?.days;
};

describe("the retention that the console sets", () => {
  it("may be longer than that of the migration step, but never shorter", async () => {
    await asConsole({ raw: 20 });
    expect(await kept("metrics")).toBe(20);
    await expect(asConsole({ raw: 6 })).rejects.toThrow(
      "metrics may not be kept for less than 7 days, which the migration step has set",
    );
    await expect(asConsole({ daily: 40_000 })).rejects.toThrow("more than 36500 days");
    expect(await kept("metrics")).toBe(20);
  });

  it("is refused with the sentence of the migration step when it contradicts itself", async () => {
    const sentence = contradictionIn({ ...standard, keepRawDays: 31 });
    expect(sentence).toMatch(
      /^RETENTION_MINUTES_DAYS \(30\) is less than RETENTION_RAW_DAYS \(31\)/,
    );
    await expect(asConsole({ raw: 31 })).rejects.toThrow(sentence);
  });

  it("stays when the migration step runs again, until a setting is longer", async () => {
    await asConsole({ raw: 20 });
    expect(await migrated()).toContain("metrics is kept for 20 days, which was set in the console");
    expect(await kept("metrics")).toBe(20);
    await expect(migrated({ keepMinutesDays: 10 })).rejects.toThrow(
      "RETENTION_MINUTES_DAYS (10) is less than RETENTION_RAW_DAYS (20)",
    );
    expect(await kept("metrics_1m")).toBe(30);
    await migrated({ keepRawDays: 25 });
    expect(await kept("metrics")).toBe(25);
    await migrated();
    expect(await kept("metrics")).toBe(7);
  });

  it("is all that the console may change there", async () => {
    await owner.query("SET ROLE fiberstream_console");
    const direct = owner.query("UPDATE data_lifecycle SET drop_after = interval '1 day'");
    await expect(direct).rejects.toThrow("permission denied");
    await owner.query("RESET ROLE");
  });
});
