import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { postgresUrl, startPostgres } from "@fiberstream/local-stack/native/postgres";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { migrate } from "@fiberstream/provisioning/migrate";
import { retentionSettings } from "@fiberstream/provisioning/retention-settings";
import { createLife } from "@fiberstream/runtime/life";
import { readSettings } from "@fiberstream/runtime/settings";
import { freePorts } from "@fiberstream/testkit/free-ports";
import pg from "pg";
import { BENCH_DATABASE } from "../../harness/backing-services.ts";
import type { Progress } from "../../harness/progress.ts";
import { generateRows } from "./generate-rows.ts";
import { type DataPlan, type DataSpan, spanOf } from "./plan.ts";
import { rollUpRows } from "./roll-up-rows.ts";

/** A PostgreSQL data folder with rows and roll-ups, no server running. */
export type DataSet = {
  readonly plan: DataPlan;
  readonly span: DataSpan;
  /** Seconds that making it took; undefined if an earlier run made it. */
  readonly madeIn: { readonly rowsS: number; readonly rollUpsS: number } | undefined;
};

/** With its roll-ups and the log that is written meanwhile. */
const BYTES_PER_ROW = 1_300;
/** So much of the disk is left to others. */
const DISK_RESERVE_BYTES = 30e9;
/** Nothing of the data set is dropped or sealed while it is used. */
const KEEP_DAYS = 30;

/**
 * Makes a data set in a folder, or finds the one that an earlier run has left there.
 * @throws {Error} when the one in the folder has another plan, or the disk has no room
 */
export async function makeDataSet(
  folder: string,
  { plan, progress }: { plan: DataPlan; progress: Progress },
): Promise<DataSet> {
  mkdirSync(folder, { recursive: true });
  const record = join(folder, "data-set.json");
  if (existsSync(record)) {
    const found = foundIn(record, plan, folder);
    await withServer(folder, progress, async (url) => {
      await migrateTo(url);
      await forgetTopics(url);
    });
    return found;
  }
  if (existsSync(join(folder, "db"))) {
    throw new Error(`${folder} has a data set that is not complete: delete the folder`);
  }
  requireRoom(folder, plan);
  const span = spanOf(plan, Date.now());
  const madeIn = await withServer(folder, progress, async (url) => {
    await migrateTo(url);
    const begunMs = performance.now();
    await generateRows(url, { plan, span, progress });
    const generatedMs = performance.now();
    await rollUpRows(url, { span, progress });
    const rolledUpMs = performance.now();
    return {
      rowsS: (generatedMs - begunMs) / 1_000,
      rollUpsS: (rolledUpMs - generatedMs) / 1_000,
    };
  });
  writeFileSync(record, `${JSON.stringify({ plan, from: span.from, to: span.to })}\n`);
  return { plan, span, madeIn };
}

function foundIn(record: string, plan: DataPlan, folder: string): DataSet {
  const found = JSON.parse(readFileSync(record, "utf8")) as {
    plan: DataPlan;
    from: string;
    to: string;
  };
  const described = ({ rows, nodes, days, seed }: DataPlan) =>
    `--rows ${rows} --nodes ${nodes} --days ${days} --seed ${seed}`;
  if (described(found.plan) !== described(plan)) {
    throw new Error(
      `${folder} has the data set ${described(found.plan)}: use these options, or another folder`,
    );
  }
  const span = { from: new Date(found.from), to: new Date(found.to) };
  if (span.from.getTime() < Date.now() - KEEP_DAYS * 86_400_000) {
    throw new Error(`the data set in ${folder} is too old: delete the folder`);
  }
  return { plan, span, madeIn: undefined };
}

function requireRoom(folder: string, { rows }: DataPlan): void {
  const { bavail, bsize } = statfsSync(folder);
  const room = bavail * bsize - DISK_RESERVE_BYTES;
  if (room >= rows * BYTES_PER_ROW) return;
  throw new Error(
    `${rows.toLocaleString("en")} rows need about ${gigabytes(rows * BYTES_PER_ROW)} GB of disk, and ${gigabytes(Math.max(0, room))} GB may be used (30 GB are left free): use fewer --rows`,
  );
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);

/** Starts a server for the time of `work` that would lose its data in a crash of the machine, and is faster for it. */
async function withServer<T>(
  dataDir: string,
  progress: Progress,
  work: (databaseUrl: string) => Promise<T>,
): Promise<T> {
  const life = createLife();
  try {
    const root = await ensureTree((doing) => progress.step(doing));
    const [port = 0] = await freePorts(1);
    progress.step("starting PostgreSQL");
    life.own(
      await startPostgres({
        root,
        port,
        dataDir,
        logFile: join(dataDir, "load.log"),
        databases: [BENCH_DATABASE],
        durability: "fast",
        settings: ["wal_level = minimal", "max_wal_senders = 0", "max_wal_size = 4GB"],
      }),
      (owned) => owned.stop(),
    );
    return await work(postgresUrl(port, BENCH_DATABASE));
  } finally {
    await life.stop();
  }
}

/** The positions in topics of an earlier run, which are those of another cluster. */
async function forgetTopics(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      "TRUNCATE sink_offsets, reconciliation_books, reconciliation_positions, reconciliation_breaks, reconciled_minutes",
    );
  } finally {
    await client.end();
  }
}

const migrateTo = (databaseUrl: string) =>
  migrate({
    databaseUrl,
    retention: {
      ...readSettings(retentionSettings(), {}),
      keepRawDays: KEEP_DAYS,
      keepMinutesDays: KEEP_DAYS,
    },
    print: () => undefined,
  });
