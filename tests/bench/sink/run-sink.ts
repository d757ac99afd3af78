import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { BenchBackingServices } from "../harness/backing-services.ts";
import { cpuSecondsOf, peakRssMb } from "../harness/process-cost.ts";
import { startBenchService } from "../harness/service.ts";
import type { Measured } from "./measured.ts";

const POLL_INTERVAL_MS = 20;

/**
 * Measures how a sink writes the whole backlog, from when it is ready to its last commit.
 * @param options.onRows called with the number of written records
 */
export async function measureSink(options: {
  backingServices: BenchBackingServices;
  sql: Client;
  records: number;
  settings?: Readonly<Record<string, string>>;
  onRows: (records: number) => void;
}): Promise<Measured & { rssMb: number }> {
  const { backingServices, sql, records } = options;
  const postgresBefore = cpuSecondsOf(backingServices.postgres.pid);
  const begunMs = performance.now();
  const sink = await startBenchService({
    service: "sink-writer",
    name: "sink-writer",
    backingServices,
    settings: { LOG_LEVEL: "warn", ...options.settings },
  });
  try {
    const cpuAtStart = cpuSecondsOf(sink.pid);
    const readyMs = performance.now();
    const doneAtStart = await recordsDone(sql);
    for (let done = doneAtStart; done < records; done = await recordsDone(sql)) {
      options.onRows(done);
      await delay(POLL_INTERVAL_MS);
    }
    return {
      // If records were written before it was ready, the time of the start is included.
      seconds: (performance.now() - (doneAtStart > 0 ? begunMs : readyMs)) / 1_000,
      writerCpuSeconds: cpuSecondsOf(sink.pid) - cpuAtStart,
      postgresCpuSeconds: cpuSecondsOf(backingServices.postgres.pid) - postgresBefore,
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
