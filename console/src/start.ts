import { readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { createPool } from "@fiberstream/postgres/pool";
import { recordServiceVersion } from "@fiberstream/postgres/service-version";
import { addressOf } from "@fiberstream/runtime/retry";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { createRateLimits } from "./access/rate-limits.ts";
import { startAccess } from "./access/start-access.ts";
import { createTurns } from "./access/turns.ts";
import { createAnswerMemory } from "./answers/answer-memory.ts";
import { approvalRulesOf } from "./administration/approval-settings.ts";
import { createChangeAs } from "./administration/change-as.ts";
import { createAnswerQuestion } from "./answer-questions.ts";
import { createKeptAnswers } from "./answers/kept-answers.ts";
import { createKafkaSources, startJobs } from "./connect-kafka.ts";
import { createConsoleMetrics } from "./console-metrics.ts";
import { watchDatabase } from "./database-check.ts";
import { createAskerConnections } from "./http/asker-connections.ts";
import { createExpressApp } from "./http/express-app.ts";
import { startHttpServer } from "./http/http-server.ts";
import { createLiveParts, createWatches } from "./live/live.ts";
import { createOpenApiDocument } from "./openapi/openapi-document.ts";
import { createProxies, openGrants, startPages } from "./pages/start-pages.ts";
import { createAsk, createChange, DISCONNECT_CHECK_MS } from "./questions/ask.ts";
import { createCursors } from "./questions/cursors.ts";
import { createOldestEvent } from "./questions/oldest-event.ts";
import { readColumns } from "./questions/table-columns.ts";
import { createRoutes } from "./routes/all-routes.ts";
import { createReadPipeline } from "./routes/platform/read-pipeline.ts";
import { behindProxies } from "./single-sign-on/proxy-authentication.ts";
import { createSignOnMetrics } from "./single-sign-on/sign-on-metrics.ts";
import type { consoleSettings } from "./settings.ts";

/** For changes of nodes and for jobs, which are few. */
const CHANGE_CONNECTIONS = 2;
/** For denied and failed tries, which wait for the lock of the audit log: jobs and changes must not wait for them. */
const ATTEMPT_CONNECTIONS = 1;
/** For look-ups of keys, which nothing else may delay: without them nobody with a new key can ask anything. */
const KEY_CONNECTIONS = 2;
/** After a stop begins, questions in flight have so long. Below the time after which the process ends anyway. */
const DRAIN_SHARE = 0.8;

/**
 * Waits for the database, then listens. A stop closes the public port first, and answers the questions in flight.
 * @throws {FatalError}
 */
export async function start(frame: ServiceFrame<typeof consoleSettings>): Promise<void> {
  const { config, log, life, health, registry, waitFor } = frame;

  const poolOf = (maxConnections: number, serverSettings: Readonly<Record<string, string>>) =>
    life.own(
      createPool({
        databaseUrl: config.databaseUrl,
        applicationName: "fiberstream-console",
        maxConnections,
        serverSettings: {
          statement_timeout: `${config.statementTimeoutMs}ms`,
          // The server would work on, after the connection was closed because the asker has left.
          client_connection_check_interval: `${DISCONNECT_CHECK_MS}ms`,
          ...serverSettings,
        },
        log,
      }),
      (owned) => owned.end(),
    );
  const questions = poolOf(config.maxConnections, {
    default_transaction_read_only: "on",
    // A question's sorts and hashes may take so much each; larger ones go to disk.
    work_mem: "16MB",
    // More workers would take the CPUs from the sink's writes.
    max_parallel_workers_per_gather: "1",
  });
  const exporting = poolOf(config.maxExports, {
    default_transaction_read_only: "on",
    statement_timeout: `${config.exportTimeoutMs}ms`,
  });
  const changes = poolOf(CHANGE_CONNECTIONS, {});
  const attempts = poolOf(ATTEMPT_CONNECTIONS, {});
  const keys = poolOf(KEY_CONNECTIONS, {});
  const databaseCheck = health.check("postgres");
  const columns = await waitFor(
    { name: "postgres", where: addressOf(config.databaseUrl), check: databaseCheck },
    async () => ({
      nodes: await readColumns(questions, "nodes"),
      metrics: await readColumns(questions, "metrics"),
    }),
  );
  const secret = await readKeyIdSecret(keys);
  const cursors = createCursors(secret);
  life.own(watchDatabase({ pool: keys, check: databaseCheck, log }), (owned) => owned.end());

  recordServiceVersion({ pool: changes, service: "console", version: frame.version, life, log });

  // With AUTH_MODE=open all askers are one reader.
  const maxOfReader = (all: number, ofKeys: number) =>
    config.authMode === "open" ? all : Math.max(1, Math.floor(ofKeys));
  const turns = createTurns({
    atOnce: config.maxConnections,
    // A question may run three statements at once.
    maxRunningPerReader: maxOfReader(config.maxConnections, config.maxConnections / 2),
    maxWaiting: config.maxWaiting,
    maxPerReader: config.maxPerKey,
  });
  const kafkaTurns = createTurns({
    atOnce: config.maxKafkaReads,
    maxRunningPerReader: maxOfReader(config.maxKafkaReads, config.maxKafkaReads / 2),
    maxWaiting: config.maxWaiting,
    maxPerReader: config.maxPerKey,
  });
  const metrics = createConsoleMetrics({
    registry,
    waiting: turns.waiting,
    waitingForKafka: kafkaTurns.waiting,
    answerBytes: () => memory.bytes(),
  });
  const memory = createAnswerMemory({
    maxBytes: config.answersMaxBytes,
    maxBytesOfReader: maxOfReader(config.answersMaxBytes, config.answersMaxBytes / 2),
    maxBytesOfAnswer: config.answerMaxBytes,
    countRefusal: metrics.countMemoryRefusal,
  });
  const connections = createAskerConnections({
    maxConnections: config.openConnections,
    countClosed: metrics.countClosed,
  });
  const kafkaSources = createKafkaSources(frame, metrics);
  const jobs = startJobs(frame, { pool: changes, sources: kafkaSources, metrics });

  const { authenticate, people, recordAttempt } = startAccess({
    config,
    secret,
    pool: changes,
    attempts,
    keys,
    registry,
    countUnlogged: metrics.countUnlogged,
    life,
    log,
  });

  const signOnMetrics = createSignOnMetrics(registry);
  const grantsFile = await openGrants({ config, metrics: signOnMetrics, log });
  const readerOfProxy = createProxies({ config, people, grantsFile, metrics: signOnMetrics });
  const rateLimits = createRateLimits({ standard: config });
  const pages = startPages({
    config,
    people,
    readerOfProxy,
    grantsFile,
    rateLimits,
    secret,
    metrics: signOnMetrics,
    log,
  });

  const ask = createAsk(questions);
  const readPipeline = createReadPipeline({ ask, pipeline: kafkaSources });
  const parts = createLiveParts();
  const routes = createRoutes({
    changeAs: createChangeAs(changes),
    approvalRules: approvalRulesOf(config),
    ask,
    change: createChange(changes),
    oldest: createOldestEvent(ask),
    live: {
      parts,
      watches: createWatches({
        parts,
        ask,
        nodes: columns.nodes,
        readPipeline,
        countFailure: (part) => metrics.countLiveFailure(part),
        life,
        log,
      }),
      turns: createTurns({
        atOnce: config.maxStreams,
        maxWaiting: 0,
        maxPerReader: maxOfReader(config.maxStreams, config.maxStreams / 10),
      }),
      memory,
      countStream: () => metrics.countStream(),
      stopping: life.stopping,
    },
    pipeline: kafkaSources,
    letters: kafkaSources.letters,
    trail: kafkaSources.trail,
    wakeJobs: jobs.wake,
    readPipeline,
    exports: {
      pool: exporting,
      maxMs: config.exportTimeoutMs,
      turns: createTurns({
        atOnce: config.maxExports,
        maxRunningPerReader: maxOfReader(config.maxExports, config.maxExports - 1),
        maxWaiting: config.maxWaiting,
        maxPerReader: config.maxPerKey,
      }),
    },
    people,
    cursors,
    columns,
  });
  metrics.declare([
    ...routes.map(({ operationId }) => operationId),
    ...pages.map(({ operation }) => operation),
  ]);
  const answerQuestion = createAnswerQuestion({
    authenticate: behindProxies(readerOfProxy, authenticate),
    recordAttempt,
    countEndOfAccess: metrics.countEndOfAccess,
    rateLimits,
    turns,
    kafkaTurns,
    kept: createKeptAnswers(),
    memory,
    countShared: metrics.countShared,
  });
  const server = life.own(
    await startHttpServer({
      host: config.host,
      port: config.port,
      headersTimeoutMs: config.headersTimeoutMs,
      requestTimeoutMs: config.requestTimeoutMs,
      keepAliveTimeoutMs: config.keepAliveTimeoutMs,
      drainMaxWaitMs: config.shutdownTimeoutMs * DRAIN_SHARE,
      connections,
      serve: createExpressApp({
        routes,
        pages,
        answerQuestion,
        openApi: createOpenApiDocument({ routes, authMode: config.authMode }),
        metrics,
        connections,
        answerMaxMs: config.requestTimeoutMs,
        stopping: life.stopping,
        log,
      }),
    }),
    (owned) => owned.close(),
  );
  log.info({ address: `http://${config.host}:${server.port}` }, "listening for questions");
}
