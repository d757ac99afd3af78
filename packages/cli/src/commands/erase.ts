import { once } from "node:events";
import { userInfo } from "node:os";
import { kafkaAccess } from "@fiberstream/kafka/access";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis, type Redis } from "@fiberstream/redis/redis";
import { redisAccess, redisSettings } from "@fiberstream/redis/settings";
import { readConfig } from "@fiberstream/runtime/config";
import { createLife } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { type Topic, TOPICS } from "@fiberstream/schemas/topics";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { say, sayAside } from "@fiberstream/terminal/say";
import { untilStopped } from "@fiberstream/terminal/stopping";
import { Command } from "commander";
import type { Moment } from "@fiberstream/kafka/dead-letters";
import { erase, type EraseForecast, forecastErasure } from "../erase/erase.ts";
import { checkFilter, type EraseFilter, isWhole } from "../erase/erase-filter.ts";
import type { NodePlaces } from "../erase/erase-nodes.ts";
import {
  ERASED_KINDS,
  type Erasure,
  findUnfinished,
  findUnfinishedOfOtherTimes,
  readErasure,
  recordErasure,
} from "../erase/erasure-record.ts";
import { createPace } from "../import/pace.ts";
import { createUntilRolledUp, rollUpsAreBehind } from "../import/until-rolled-up.ts";
import { time } from "../options/moment.ts";
import { withPool } from "../tables/with-pool.ts";
import { tenantName } from "./keys/tenant-name.ts";

type Options = {
  readonly node?: string;
  readonly tenant?: string;
  readonly from?: Moment;
  readonly to?: Moment;
  readonly resume?: number;
  readonly reason?: string;
  readonly rate: number;
  readonly yes: boolean;
};

/** `fiber erase` */
export const eraseCommand = (): Command =>
  new Command("erase")
    .description("erase a node, a tenant or a span of time; without --yes, only count")
    .option("--node <node-id>", "only events of this node")
    .option("--tenant <tenant>", "only events of this tenant", tenantName)
    .option("--from <time>", "only events measured from this time on: ISO 8601, or an age", time)
    .option("--to <time>", "only events measured before this time", time)
    .option("--reason <text>", "why; it is recorded")
    .option("--rate <rows>", "at most so many rows a second", wholeNumber(1, 1e6), 20_000)
    .option("--resume <number>", "resume this erasure", wholeNumber(1, 1e15))
    .option("--yes", "erase; without it, only count what would be erased", false)
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
An event is erased if it matches all options that are given. Erased are its row in metrics, what the roll-ups have of it,
conflicts, alerts that it opened, and the days of data quality that are within the span of time. Without --from and --to, the nodes' own data is
erased too: the rows in nodes, the records in probe.nodes (by tombstones) and the entries in Redis.

The other topics are logs, in which single records cannot be erased: they go when Kafka's retention deletes them. Until then
the sink leaves out what it reads of erased events again, for example after fiber sink rewind. Events that gateways receive
after the erasure are stored: revoke the keys of a node before it is erased, or it registers again with its next event.

Each erasure is recorded in the table erasures. An interrupted one resumes when the same command is run again, or by its
number; with a time as an age (--from 2d), which is another time in each run, only by its number. To correct events, erase them, and import the right ones.

Examples:
  npm run fiber -- erase --node probe-accra-01
  npm run fiber -- erase --node probe-accra-01 --reason 'request of its owner' --yes
  npm run fiber -- erase --tenant acme --from 2026-11-01 --to 2026-11-02T12:00Z --yes
  npm run fiber -- erase --resume 7 --yes
`;

async function run(options: Options): Promise<void> {
  const { node, tenant, from, to, resume, yes } = options;
  const filter: EraseFilter = {
    ...(node !== undefined && { node }),
    ...(tenant !== undefined && { tenant }),
    ...(from !== undefined && { fromMs: from.ms }),
    ...(to !== undefined && { toMs: to.ms }),
  };
  if (resume === undefined) checkFilter(filter);
  else if (Object.keys(filter).length > 0) {
    throw new Error("an erasure that resumes has its own filter: leave the other options out");
  }
  if (!yes) {
    await withPool(async (pool) => {
      const wanted =
        resume === undefined ? filter : (await readErasure(pool, String(resume))).filter;
      say(renderForecast(await forecastErasure(pool, wanted)));
    });
    return;
  }
  await withPlaces(async (pool, places) => {
    const found =
      resume === undefined
        ? await findUnfinished(pool, filter)
        : await readErasure(pool, String(resume));
    if (found !== undefined && found.finishedAt !== null) {
      throw new Error(`erasure ${found.id} has ended at ${found.finishedAt.toISOString()}`);
    }
    if (found === undefined) await sayUnfinished(pool, filter);
    const requestedBy = userInfo().username;
    const { reason } = options;
    const erasure = found ?? (await recordErasure(pool, filter, { requestedBy, reason }));
    sayAside(`${found === undefined ? "recorded as" : "resumes"} erasure ${erasure.id}\n`);
    const progress = showProgress("{rows} rows erased");
    const done = await erase({
      pool,
      erasure,
      places,
      pace: createPace(options.rate),
      untilRolledUp: createUntilRolledUp({
        pool,
        onWaiting: (marks) => sayAside(rollUpsAreBehind(marks)),
      }),
      onWaiting: (transactions) =>
        sayAside(
          `waits for ${transactions} transactions that began before, and may still write events that are to be erased\n`,
        ),
      onProgress: ({ share, rows }) => progress.show(share, 1, { rows }),
      stopping: untilStopped(),
    }).finally(progress.end);
    say(renderErasure(done));
    if (done.erasure.finishedAt === null) process.exitCode = 1;
  });
}

async function sayUnfinished(pool: PgPool, filter: EraseFilter): Promise<void> {
  if (isWhole(filter)) return;
  const ids = await findUnfinishedOfOtherTimes(pool, filter);
  if (ids.length === 0) return;
  sayAside(
    `not finished, with other times: erasures ${ids.join(", ")}. This is another one. To resume one of them, run: npm run fiber -- erase --resume <number> --yes\n`,
  );
}

async function withPlaces(work: (pool: PgPool, places: NodePlaces) => Promise<void>) {
  const config = readConfig({ ...postgresSettings(), ...kafkaSettings(), ...redisSettings() });
  const log = createLog({ service: "fiber", level: "error", format: "auto" });
  const life = createLife();
  try {
    const pool = life.own(
      createPool({ ...config, applicationName: "fiber", maxConnections: 2, log }),
      (owned) => owned.end(),
    );
    const kafka = createKafka({ ...kafkaAccess(config), clientId: "fiber", log });
    const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
    const redis = life.own(connectRedis({ ...redisAccess(config), log }), (owned) => owned.close());
    // Found out now, and not after the rows are erased.
    if (!redis.isUp()) await reached(redis);
    const { namespace } = config;
    const ask = createPromptRedis(redis, { maxWaitMs: REDIS_MAX_WAIT_MS });
    await work(pool, { producer, topic: topicIn(namespace, "probe.nodes"), ask, namespace });
  } finally {
    await life.stop();
  }
}

const REDIS_MAX_WAIT_MS = 5_000;

async function reached({ client }: Redis): Promise<void> {
  const signal = AbortSignal.timeout(REDIS_MAX_WAIT_MS);
  await once(client, "ready", { signal }).catch((cause: unknown) => {
    throw new Error(
      "Redis at REDIS_URL does not answer, and has entries of nodes. Nothing was erased",
      { cause },
    );
  });
}

function renderForecast({ rows, conflicts, qualityDays, alerts, nodeIds }: EraseForecast): string {
  return [
    `${rows} rows of metrics, and what the roll-ups have of them`,
    `${conflicts} rows of metric_conflicts`,
    `${qualityDays} rows of metric_quality_daily`,
    `${alerts} rows of node_alerts`,
    `${nodeIds.length} nodes, with their records in probe.nodes and their entries in Redis`,
    "Nothing was changed. To erase them, add --yes",
    "",
  ].join("\n");
}

function renderErasure({
  erasure,
  again,
}: {
  readonly erasure: Erasure;
  readonly again: readonly string[];
}): string {
  const counts = ERASED_KINDS.map((kind) => `${erasure.counts[kind]} ${WORDS[kind]}`).join(", ");
  if (erasure.finishedAt === null) {
    return `stopped: ${counts} so far. To resume, run: npm run fiber -- erase --resume ${erasure.id} --yes\n`;
  }
  return [
    `erased: ${counts}`,
    ...(again.length === 0 ? [] : [registeredAgain(again)]),
    `Kafka's logs still have the events, and cannot erase single records: ${retentions()}.`,
    "Until then the sink leaves them out if it reads them again.",
    "",
  ].join("\n");
}

const registeredAgain = (again: readonly string[]): string =>
  `${again.length} nodes registered again meanwhile, because their probes still send: ${again.slice(0, 5).join(", ")}. ` +
  "Revoke their keys (fiber keys revoke), then erase them again";

const WORDS = {
  rows: "rows of metrics",
  roll_ups: "rows of roll-ups",
  conflicts: "conflicts",
  quality_days: "days of data quality",
  alerts: "alerts",
  nodes: "nodes",
  node_changes: "changes of nodes",
} as const;

/** Returns the catalogue's retention of the topics with events. */
const retentions = (): string =>
  Object.entries(TOPICS)
    .flatMap(([name, { retentionMs, key }]: [string, Topic]) =>
      retentionMs === undefined || key === "partition" || name.startsWith("audit.")
        ? []
        : [`${name} keeps them for ${retentionMs / 86_400_000} days`],
    )
    .join(", ");
