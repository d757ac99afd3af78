import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { createTestDatabase } from "@fiberstream/testkit/database";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

const FIBER = fileURLToPath(new URL("../main.ts", import.meta.url));

let life: Life;
let pool: PgPool;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  life = createLife();
  folder = mkdtempSync(join(tmpdir(), "fiberstream-import-command-"));
  life.own(folder, (owned) => rmSync(owned, { recursive: true }));
  const database = life.own(await createTestDatabase(), (owned) => owned.drop());
  env = { DATABASE_URL: database.url };
  const log = createLog({ service: "test", level: "silent", format: "json" });
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 1, log };
  pool = life.own(createPool(options), (owned) => owned.end());
});
afterAll(() => life.stop());
beforeEach(() => pool.query("TRUNCATE metrics, nodes, imports"));

const fiber = async (...args: string[]) =>
  (await promisify(execFile)(process.execPath, [FIBER, ...args], { env })).stdout;
const stored = async () =>
  (await pool.query<{ rows: number }>("SELECT count(*)::int AS rows FROM metrics")).rows[0]?.rows;

/** Events of yesterday, a second apart; every hundredth has no country. */
const fileOf = (name: string, count: number): string => {
  const path = join(folder, name);
  const beginMs = Date.now() - 86_400_000;
  const lines = Array.from({ length: count }, (_, at) => {
    const time = new Date(beginMs + at * 1_000).toISOString();
    return `probe-${at % 7},${at % 100 === 99 ? "" : "GH"},Accra,12.5,100,0,${time}`;
  });
  const heading = "node_id,country,region,latency_ms,uptime_pct,packet_loss,timestamp";
  writeFileSync(path, `${heading}\n${lines.join("\n")}\n`);
  return path;
};

describe("fiber import", () => {
  it("checks a file, imports it once, and again only when told", async () => {
    const path = fileOf("some.csv", 300);
    expect(await fiber("import", path, "--dry-run")).toMatch(
      /^300 rows: 297 would be inserted, 0 are stored already or twice in the file, 3 are rejected\nfrom .*\n7 nodes would be added\nthe rejected rows are in .*some.csv.rejected.ndjson\nNothing was changed.\n$/,
    );
    expect(await stored()).toBe(0);
    expect(await fiber("import", path)).toMatch(
      /^300 rows: 297 inserted, 0 stored already, 0 stored already with other content, 3 rejected; 7 nodes added; the rejected/,
    );
    expect(readFileSync(`${path}.rejected.ndjson`, "utf8")).toContain('"row":100,"line":101,');
    expect(await fiber("import", path)).toMatch(
      /^this file was imported already, by .* --again\n$/,
    );
    expect(await fiber("import", path, "--again")).toMatch(/0 inserted, 297 stored already/);
    expect(await stored()).toBe(297);
    // Five processes, which start slowly where others keep the processors busy.
  }, 180_000);

  it("refuses a format that it does not know, and too many rejected rows", async () => {
    const path = fileOf("some.txt", 300);
    await expect(fiber("import", path)).rejects.toThrow(/add --format csv, ndjson or parquet/);
    await expect(fiber("import", path, "--format", "csv", "--max-rejected", "2")).rejects.toThrow(
      /more than 2 rows are rejected, by row 300 \(line 301: country is required/,
    );
  });

  it("resumes after it was killed, and stores every row once", async () => {
    const path = fileOf("killed.csv", 2_000);
    const args = [FIBER, "import", path, "--batch-rows", "50", "--rate", "200"];
    const killed = spawn(process.execPath, args, { env });
    const position = async () =>
      Number(
        (await pool.query<{ rows: string }>("SELECT rows_read AS rows FROM imports")).rows[0]?.rows,
      );
    await until(async () => (await position()) >= 100, {
      what: "two batches are written",
      timeoutMs: 60_000,
    });
    killed.kill("SIGKILL");
    await once(killed, "exit");
    const before = await position();
    expect(before).toBeLessThan(2_000);
    expect(await stored()).toBe(before - Math.floor(before / 100));
    expect(await fiber("import", path)).toMatch(
      /^2000 rows: 1980 inserted, 0 stored already, .* 20 rejected/,
    );
    expect(await stored()).toBe(1_980);
    expect(readFileSync(`${path}.rejected.ndjson`, "utf8").trim().split("\n")).toHaveLength(20);
  });
});
