import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { MEMORY_LIMITS, type MemoryLimit } from "./answers/answer-memory.ts";
import { type Code, CODES } from "./answers/codes.ts";
import { CLOSED_WHY, type ClosedWhy } from "./http/asker-connections.ts";
import { type Part, PARTS } from "./live/live.ts";
import { JOB_KINDS, type JobKind, type JobState } from "./jobs/job.ts";

export const SEARCHES = ["dead-letters", "event"] as const;
export const JOB_ENDS = ["succeeded", "failed", "cancelled"] as const;

export type ConsoleMetrics = ReturnType<typeof createConsoleMetrics>;

/**
 * @param options.waiting called when the metrics are scraped, as the others are
 */
export function createConsoleMetrics(options: {
  registry: Registry;
  waiting: () => number;
  waitingForKafka: () => number;
  answerBytes: () => number;
}) {
  const { registry } = options;
  const registers = [registry];
  const duration = new Histogram({
    name: "fiberstream_console_question_duration_seconds",
    help: "From a question's headers to its answer, by route. Growing together with waiting_questions: the database is slow, or QUERY_MAX_CONNECTIONS is too low",
    labelNames: ["operation", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const refusals = new Counter({
    name: "fiberstream_console_refusals_total",
    help: "Questions that were not answered, by code. TOO_SLOW: the database was stopped after QUERY_TIMEOUT_MS. DATABASE_UNAVAILABLE: check PostgreSQL. OVERLOADED: too many questions, add consoles. Many INVALID_TOKEN: somebody is guessing",
    labelNames: ["problem"],
    registers,
  });
  const shared = new Counter({
    name: "fiberstream_console_shared_answers_total",
    help: "Questions that got the answer of an equal question, which was being answered or had just been, so that the database worked once for both",
    registers,
  });
  const unchanged = new Counter({
    name: "fiberstream_console_unchanged_answers_total",
    help: "Questions answered with 304, because the asker has the answer already (If-None-Match)",
    registers,
  });
  const cut = new Counter({
    name: "fiberstream_console_cut_answers_total",
    help: "Exports that ended before their last row: the asker disconnected or did not read, EXPORT_TIMEOUT_MS was over, or the database failed. The log has the reason of each (answer cut)",
    registers,
  });
  const abandoned = new Counter({
    name: "fiberstream_console_abandoned_questions_total",
    help: "Questions whose askers disconnected before the answer; their statements were cancelled. Many: answers take longer than a proxy or a program waits",
    registers,
  });
  const memoryRefusals = new Counter({
    name: "fiberstream_console_memory_refusals_total",
    help: "Questions that were not answered because of the memory of answers, by limit. answer: ANSWER_MAX_BYTES. reader: the key does not receive its answers. all: ANSWERS_MAX_BYTES; add consoles",
    labelNames: ["memory_limit"],
    registers,
  });
  const closed = new Counter({
    name: "fiberstream_console_closed_connections_total",
    help: "Connections that were closed to bound their number. unknown: nobody had shown a key on it, and it made room for another one at MAX_CONNECTIONS. full: there was none of those. If they grow, limit connections by address in the proxy",
    labelNames: ["closed_why"],
    registers,
  });
  const streams = new Gauge({
    name: "fiberstream_console_open_streams",
    help: "Live streams that are open. At STREAM_MAX_READERS further ones get 503 OVERLOADED",
    registers,
  });
  const liveFailures = new Counter({
    name: "fiberstream_console_live_read_failures_total",
    help: "Readings for live streams that failed and are retried, by what they read. Growing: the streams are open and show old states; check PostgreSQL",
    labelNames: ["part"],
    registers,
  });
  registry.registerMetric(
    new Gauge({
      name: "fiberstream_console_waiting_questions",
      help: "Questions that wait for a connection to the database. Steadily above 0: the database is slow, or QUERY_MAX_CONNECTIONS is too low",
      registers: [],
      collect() {
        this.set(options.waiting());
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "fiberstream_console_answer_bytes",
      help: "Bytes of answers that are being made or were not received yet. At ANSWERS_MAX_BYTES further questions get 503 OVERLOADED",
      registers: [],
      collect() {
        this.set(options.answerBytes());
      },
    }),
  );
  const cutSearches = new Counter({
    name: "fiberstream_console_cut_searches_total",
    help: "Searches in Kafka that ended at their limit of time, records or bytes before they had looked at everything; the answer says how far. Dead letters: a filter that matches few of many. Event: its records are far from the time at which it was received",
    labelNames: ["search"],
    registers,
  });
  const jobsFinished = new Counter({
    name: "fiberstream_console_jobs_finished_total",
    help: "Jobs that ended in this process, by what came of them. failed: GET /api/v1/jobs has the problem of each",
    labelNames: ["job_kind", "job_state"],
    registers,
  });
  const jobsTakenOver = new Counter({
    name: "fiberstream_console_jobs_taken_over_total",
    help: "Jobs of a console that died or lost PostgreSQL, which this one has resumed. More than at deploys: consoles are killed, see their logs",
    labelNames: ["job_kind"],
    registers,
  });
  const redriven = new Counter({
    name: "fiberstream_console_redriven_letters_total",
    help: "Dead letters that this process has sent back to the topics that they came from",
    registers,
  });
  const unlogged = new Counter({
    name: "fiberstream_console_unlogged_tries_total",
    help: "Denied and failed tries whose entry could not be appended to the audit log. Growing: check PostgreSQL; the console's log has the reasons (denied or failed try is not in the audit log)",
    registers,
  });
  const endsOfAccess = new Counter({
    name: "fiberstream_console_ended_access_total",
    help: "Live streams and exports that were cut, because the session, token or key of their asker ended or has other rights by now",
    registers,
  });
  registry.registerMetric(
    new Gauge({
      name: "fiberstream_console_waiting_kafka_questions",
      help: "Questions that wait to be answered from Kafka. Steadily above 0: Kafka is slow, or KAFKA_MAX_READS is too low",
      registers: [],
      collect() {
        this.set(options.waitingForKafka());
      },
    }),
  );
  // All series exist from the start: Prometheus sees no increase when a series appears with its first count.
  for (const part of PARTS) liveFailures.inc({ part }, 0);
  for (const limit of MEMORY_LIMITS) memoryRefusals.inc({ memory_limit: limit }, 0);
  for (const why of CLOSED_WHY) closed.inc({ closed_why: why }, 0);
  for (const search of SEARCHES) cutSearches.inc({ search }, 0);
  for (const kind of JOB_KINDS) {
    jobsTakenOver.inc({ job_kind: kind }, 0);
    for (const state of JOB_ENDS) jobsFinished.inc({ job_kind: kind, job_state: state }, 0);
  }
  for (const problem of Object.keys(CODES)) refusals.inc({ problem }, 0);

  return {
    /** @param operations names of the routes */
    declare: (operations: readonly string[]) => {
      for (const operation of operations) duration.zero({ operation, status: "200" });
    },
    observe: (operation: string, status: number, seconds: number) =>
      duration.observe({ operation, status }, seconds),
    countRefusal: (problem: Code) => refusals.inc({ problem }),
    /** @returns a function that counts its end */
    countStream: () => {
      streams.inc();
      return () => streams.dec();
    },
    countLiveFailure: (part: Part) => liveFailures.inc({ part }),
    countCut: () => cut.inc(),
    countAbandoned: () => abandoned.inc(),
    countMemoryRefusal: (limit: MemoryLimit) => memoryRefusals.inc({ memory_limit: limit }),
    countClosed: (why: ClosedWhy) => closed.inc({ closed_why: why }),
    countCutSearch: (search: (typeof SEARCHES)[number]) => cutSearches.inc({ search }),
    countFinished: (kind: JobKind, state: JobState) =>
      jobsFinished.inc({ job_kind: kind, job_state: state }),
    countTakenOver: (kind: JobKind) => jobsTakenOver.inc({ job_kind: kind }),
    countRedriven: (letters: number) => redriven.inc(letters),
    countUnlogged: () => unlogged.inc(),
    countEndOfAccess: () => endsOfAccess.inc(),
    countShared: () => shared.inc(),
    countUnchanged: () => unchanged.inc(),
  };
}
