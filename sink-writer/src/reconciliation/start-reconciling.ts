import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { PgPool } from "@fiberstream/postgres/pool";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import type { Registry } from "prom-client";
import { createKafkaView } from "./kafka-view.ts";
import { createReconcile, type JudgedMinute, RECONCILER_LIMITS } from "./reconcile.ts";
import { createReconciledMetrics } from "./reconciled-metrics.ts";

/** Judges minutes and reports the verdicts, until the end of `life`. */
export function startReconciling(options: {
  kafka: KafkaClient;
  namespace: string;
  pool: PgPool;
  registry: Registry;
  life: Life;
  log: Log;
}): void {
  const { pool, life, log } = options;
  const kafka = life.own(createKafkaView(options), (owned) => owned.close());
  const reconcile = createReconcile({
    pool,
    kafka,
    limits: RECONCILER_LIMITS,
    nowMs: wallNowMs,
  });
  const metrics = createReconciledMetrics(options.registry);
  const tasks = [
    createRepeatedTask({
      name: "close the books",
      work: async () => {
        for (const judged of (await reconcile())?.judged ?? []) logVerdict(log, judged);
      },
      intervalMs: 10_000,
      log,
    }),
    createRepeatedTask({
      name: "read verdicts",
      work: () => metrics.refresh(pool),
      intervalMs: 15_000,
      startsAtOnce: true,
      log,
    }),
  ];
  for (const task of tasks) {
    task.begin();
    life.own(task, (owned) => owned.end());
  }
}

function logVerdict(log: Log, { minute, judgement }: JudgedMinute): void {
  const { verdict, unaccounted, findings } = judgement;
  if (verdict === "ok") return;
  const fields = { minute: new Date(minute * 60_000).toISOString(), unaccounted, findings };
  if (verdict === "differs") log.error(fields, "events unaccounted for");
  else log.warn(fields, "minute not reconciled");
}
