import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { createLog } from "@fiberstream/runtime/log";
import pg from "pg";
import { testbedOf } from "../end-to-end/testbed.ts";
import { describeSetting } from "../end-to-end/report/machine.ts";
import {
  type BenchBackingServices,
  startBenchBackingServices,
} from "../harness/backing-services.ts";
import { type BenchContext, runCommand, withBenchContext } from "../harness/command.ts";
import { startBenchService } from "../harness/service.ts";
import { type DataSet, makeDataSet } from "./data/data-set.ts";
import { type ExportFigures, measureExport } from "./export.ts";
import { type IngestFigures, measureIngest } from "./ingest.ts";
import { type LiveFigures, measureLive } from "./live.ts";
import { createCommand, type Options, type Part } from "./options.ts";
import { type Asked, askQuestion } from "./questions/ask-questions.ts";
import { questionsOf } from "./questions/questions.ts";
import { differencesIn, renderReport } from "./render-report.ts";

/** The figures of a run; a part that was not selected is undefined. */
export type QueryFigures = {
  readonly data: DataSet;
  readonly questions: readonly Asked[];
  readonly exported: ExportFigures | undefined;
  readonly live: LiveFigures | undefined;
  readonly ingest: IngestFigures | undefined;
};

/** All questions are of one reader, without a key: their cost is not what is measured. */
const SETTINGS = {
  LOG_LEVEL: "warn",
  QUERY_RATE_PER_SECOND: "1000000",
  QUERY_BURST: "1000000",
  QUERY_MAX_PER_KEY: "1000",
} as const;

await runCommand(createCommand(run));

async function run(options: Options): Promise<void> {
  const setting = describeSetting();
  const figures = await withBenchContext((context) => measure(options, context));
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ setting, options, ...figures })}\n`
      : renderReport(figures, setting),
  );
  // A figure of a wrong answer says nothing.
  if (differencesIn(figures).length > 0) process.exitCode = 1;
}

async function measure(options: Options, context: BenchContext): Promise<QueryFigures> {
  const { life, progress } = context;
  const { rows, nodes, days, seed, keep } = options;
  const folder =
    keep === undefined
      ? life.own(await mkdtemp(join(tmpdir(), "fiberstream-query-")), (owned) =>
          rm(owned, { recursive: true, force: true }),
        )
      : resolve(keep);
  const data = await makeDataSet(folder, { plan: { rows, nodes, days, seed }, progress });

  const backingServices = await startBenchBackingServices(life, (doing) => progress.step(doing), {
    postgresDir: folder,
  });
  const sql = life.own(new pg.Client({ connectionString: backingServices.databaseUrl }), (owned) =>
    owned.end(),
  );
  await sql.connect();
  const start = async (
    service: "console" | "ingest-gateway" | "stream-processor" | "sink-writer",
  ) =>
    life.own(
      await startBenchService({ service, name: service, backingServices, settings: SETTINGS }),
      (owned) => owned.end(),
    );
  progress.step("starting the console");
  const service = await start("console");
  const isSelected = (part: Part) => options.only.includes(part);

  const questions: Asked[] = [];
  for (const question of questionsOf(data.plan, data.span)) {
    const part = question.name.startsWith("nodes/latest") ? "latest" : "series";
    if (!isSelected(part)) continue;
    progress.step(question.name);
    questions.push(
      await askQuestion(question, {
        console: service,
        postgresPid: backingServices.postgres.pid,
        sql,
        repeats: options.repeats,
      }),
    );
  }
  const exportAll = () => {
    progress.step("exporting");
    return measureExport({ console: service, sql, ...data, rows: options.exportRows });
  };
  const exported = isSelected("export") ? await exportAll() : undefined;
  if (!isSelected("live") && options.dashboards === 0) {
    return { data, questions, exported, live: undefined, ingest: undefined };
  }

  progress.step("starting gateway, processor and sink");
  await createTopics(backingServices);
  const gateway = await start("ingest-gateway");
  const services = [gateway, await start("stream-processor"), await start("sink-writer"), service];
  const look = () => {
    progress.step("single events, from the POST to the stream", 40);
    return measureLive({
      gatewayUrl: gateway.url,
      consoleUrl: service.url,
      sql,
      plan: data.plan,
      onDone: progress.done,
    });
  };
  const live = isSelected("live") ? await look() : undefined;
  const ingest =
    options.dashboards > 0
      ? await measureIngest(await testbedOf(life, backingServices, services), {
          ...options,
          consoleUrl: service.url,
          plan: data.plan,
          progress,
        })
      : undefined;
  return { data, questions, exported, live, ingest };
}

function createTopics({ kafkaBrokers, schemaRegistryUrl }: BenchBackingServices): Promise<void> {
  return deployTopics({
    brokers: [kafkaBrokers],
    schemaRegistryUrl,
    namespace: "",
    log: createLog({ service: "bench", level: "silent", format: "json" }),
    print: () => undefined,
  });
}
