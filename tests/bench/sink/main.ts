import { Client } from "pg";
import { runCommand, withBenchContext } from "../harness/command.ts";
import { connectSender } from "./backlog.ts";
import { type Freshness, measureFreshness } from "./freshness.ts";
import { type Measured, median } from "./measured.ts";
import { createCommand, type Options } from "./options.ts";
import type { BenchBackingServices } from "../harness/backing-services.ts";
import type { Progress } from "../harness/progress.ts";
import { startSinkBackingServices } from "./backing-services.ts";
import { renderReport } from "./render-report.ts";
import { exportRows, measurePsql } from "./run-psql.ts";
import { measureSink } from "./run-sink.ts";

await runCommand(createCommand(run));

async function run(options: Options): Promise<void> {
  const figures = await withBenchContext(async ({ life, progress }) => {
    progress.step("starting the backing services");
    const backingServices = await startSinkBackingServices(life, (doing) => progress.step(doing));
    const sql = life.own(new Client({ connectionString: backingServices.databaseUrl }), (owned) =>
      owned.end(),
    );
    await sql.connect();
    const rounds = await measureRounds(options, { backingServices, sql, progress });
    const freshness =
      options.freshness > 0
        ? await freshnessOf(options, { backingServices, sql, progress })
        : undefined;
    return { ...options, rows: rounds.rows, ...mediansOf(rounds), freshness };
  });
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : renderReport(figures));
}

type SinkContext = {
  readonly backingServices: BenchBackingServices;
  readonly sql: Client;
  readonly progress: Progress;
};
type Rounds = {
  rows: number;
  readonly sinks: (Measured & { rssMb: number })[];
  readonly psqls: Measured[];
};

/** Measures sink and psql in turns, so that other load on the machine affects both. */
async function measureRounds(options: Options, context: SinkContext): Promise<Rounds> {
  const { backingServices, sql, progress } = context;
  const { events } = options;
  progress.step(`sending ${events} events`, events);
  const sender = await connectSender({ ...backingServices, duplicates: options.duplicates });
  const portion = Math.max(2_000, Math.floor(events / 100));
  for (let at = 0; at < events; at += portion) {
    await sender.send(at, Math.min(events, at + portion));
    progress.done(at);
  }
  const records = await sender.records();
  await sender.close();

  const rounds: Rounds = { rows: 0, sinks: [], psqls: [] };
  for (let round = 1; round <= options.rounds; round++) {
    await sql.query("TRUNCATE metrics, sink_offsets, metric_conflicts");
    await sql.query("CHECKPOINT");
    progress.step(`round ${round} of ${options.rounds}: sink`, events);
    const onRows = progress.done;
    rounds.sinks.push(await measureSink({ backingServices, sql, records, onRows }));
    if (round === 1) {
      rounds.rows = await rowsIn(sql);
      await exportRows(backingServices);
    }
    await sql.query("TRUNCATE metrics");
    await sql.query("CHECKPOINT");
    progress.step(`round ${round} of ${options.rounds}: psql`);
    rounds.psqls.push(await measurePsql(backingServices));
  }
  return rounds;
}

function mediansOf({ sinks, psqls }: Rounds) {
  return {
    sink: median(sinks, ({ seconds }) => seconds),
    psql: median(psqls, ({ seconds }) => seconds),
  };
}

async function freshnessOf(options: Options, context: SinkContext): Promise<Freshness> {
  context.progress.step(`100 events/s for ${options.freshness} s`);
  return measureFreshness({ ...context, seconds: options.freshness, firstNumber: options.events });
}

async function rowsIn(sql: Client): Promise<number> {
  const { rows } = await sql.query<{ count: number }>("SELECT count(*)::int FROM metrics");
  return rows[0]?.count ?? 0;
}
