import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SERVICE_ENVIRONMENT, SERVICE_NODE_ARGS } from "@fiberstream/runtime/service-process";
import { freePort } from "@fiberstream/testkit/free-ports";
import { until } from "@fiberstream/testkit/until";
import type { Client } from "pg";
import { cpuSecondsOf, peakRssMb } from "./cpu-time.ts";
import type { Measured } from "./measured.ts";
import type { BenchParts } from "./parts.ts";

const SINK = fileURLToPath(new URL("../../../sink-writer/src/main.ts", import.meta.url));
const LOOK_EVERY_MS = 20;

export type RunningSink = { readonly pid: number; readonly end: () => Promise<void> };

/** Starts the sink as deployments do. @throws when it ends or is not ready within 30 s, with its log */
export async function startSink(
  parts: BenchParts,
  settings: Readonly<Record<string, string>> = {},
): Promise<RunningSink> {
  const adminPort = await freePort();
  const child = spawn(process.execPath, [...SERVICE_NODE_ARGS, SINK], {
    env: {
      ...SERVICE_ENVIRONMENT,
      KAFKA_BROKERS: parts.kafkaBrokers,
      SCHEMA_REGISTRY_URL: parts.schemaRegistryUrl,
      DATABASE_URL: parts.databaseUrl,
      ADMIN_PORT: String(adminPort),
      LOG_FORMAT: "json",
      LOG_LEVEL: "warn",
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = collect(child);
  const exited = once(child, "exit");
  await until(async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok, {
    what: "the sink is ready",
    timeoutMs: 30_000,
  }).catch((error: unknown) => {
    child.kill("SIGKILL");
    throw new Error(`the sink did not start. Its log:\n${log()}`, { cause: error });
  });
  return {
    pid: child.pid ?? 0,
    end: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/**
 * Lets a sink write the whole backlog, from its being ready to its last commit.
 * @param options.onRows told of how many records are done
 */
export async function measureSink(options: {
  parts: BenchParts;
  sql: Client;
  records: number;
  settings?: Readonly<Record<string, string>>;
  onRows: (records: number) => void;
}): Promise<Measured & { rssMb: number }> {
  const { parts, sql, records } = options;
  const postgresBefore = cpuSecondsOf(parts.postgres.pid);
  const begunMs = performance.now();
  const sink = await startSink(parts, options.settings);
  try {
    const cpuAtStart = cpuSecondsOf(sink.pid);
    const readyMs = performance.now();
    const doneAtStart = await recordsDone(sql);
    for (let done = doneAtStart; done < records; done = await recordsDone(sql)) {
      options.onRows(done);
      await delay(LOOK_EVERY_MS);
    }
    return {
      // What was done before it said that it is ready counts with the time that this took.
      seconds: (performance.now() - (doneAtStart > 0 ? begunMs : readyMs)) / 1_000,
      writerCpuSeconds: cpuSecondsOf(sink.pid) - cpuAtStart,
      postgresCpuSeconds: cpuSecondsOf(parts.postgres.pid) - postgresBefore,
      rssMb: peakRssMb(sink.pid),
    };
  } finally {
    await sink.end();
  }
}

async function recordsDone(sql: Client): Promise<number> {
  const { rows } = await sql.query<{ done: number }>(
    "SELECT coalesce(sum(next_offset), 0)::float8 AS done FROM sink_offsets",
  );
  return rows[0]?.done ?? 0;
}

function collect(child: ChildProcess): () => string {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return () => output;
}
