import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";
import { quantiles } from "./quantiles.ts";

const QUESTIONS = "fiberstream_console_question_duration_seconds";

export const console: Dashboard = {
  uid: "console",
  title: "console",
  description: "What people and their programs ask, how long answers take, and what is refused.",
  rows: [
    {
      title: "Questions",
      panels: [
        lines({
          title: "Questions by route",
          description: "By operationId of the OpenAPI document",
          unit: "reqps",
          queries: [
            { expr: `sum by (operation) (rate(${QUESTIONS}_count[5m]))`, legend: "{{operation}}" },
          ],
        }),
        lines({
          title: "Live streams",
          description: "Open streams, and readings for them that failed, by what they read",
          unit: "short",
          queries: [
            { expr: "sum(fiberstream_console_open_streams)", legend: "open" },
            {
              expr: "sum by (part) (rate(fiberstream_console_live_read_failures_total[5m]))",
              legend: "failed/s {{part}}",
            },
          ],
        }),
        lines({
          title: "Time to answer",
          description: "If questions wait at the same time, the database is slow",
          unit: "s",
          limit: { warnAt: 1 },
          queries: quantiles(QUESTIONS),
        }),
        lines({
          title: "Refused questions by code",
          description:
            "TOO_SLOW, DATABASE_UNAVAILABLE, OVERLOADED: look at the database. Others: the asker's fault",
          unit: "reqps",
          queries: [
            {
              expr: "sum by (problem) (rate(fiberstream_console_refusals_total[5m]))",
              legend: "{{problem}}",
            },
          ],
        }),
        lines({
          title: "Questions that wait for the database",
          description:
            "Steadily above 0: the database is slow, or QUERY_MAX_CONNECTIONS is too low",
          queries: [{ expr: "fiberstream_console_waiting_questions", legend: "{{instance}}" }],
        }),
        lines({
          title: "Memory of answers",
          description:
            "Answers that are being made or were not received yet. At ANSWERS_MAX_BYTES questions are refused",
          unit: "bytes",
          queries: [{ expr: "fiberstream_console_answer_bytes", legend: "{{instance}}" }],
        }),
        lines({
          title: "Questions and connections that were ended",
          description:
            "left: the asker disconnected before its answer. Others: refused because of the memory of answers, or closed because of the number of connections",
          unit: "cps",
          queries: [
            {
              expr: "sum(rate(fiberstream_console_abandoned_questions_total[5m]))",
              legend: "left",
            },
            {
              expr: "sum by (memory_limit) (rate(fiberstream_console_memory_refusals_total[5m]))",
              legend: "memory of {{memory_limit}}",
            },
            {
              expr: "sum by (closed_why) (rate(fiberstream_console_closed_connections_total[5m]))",
              legend: "connections {{closed_why}}",
            },
          ],
        }),
        lines({
          title: "Cut exports",
          description:
            "The asker disconnected or did not read, EXPORT_TIMEOUT_MS was over, or the database failed",
          unit: "cps",
          queries: [
            { expr: "sum(rate(fiberstream_console_cut_answers_total[5m]))", legend: "exports" },
          ],
        }),
        lines({
          title: "Questions answered without work of the database",
          description:
            "Unchanged: the asker has the answer already (304). Shared: an equal question was being answered",
          unit: "reqps",
          queries: [
            {
              expr: "sum(rate(fiberstream_console_unchanged_answers_total[5m]))",
              legend: "unchanged",
            },
            { expr: "sum(rate(fiberstream_console_shared_answers_total[5m]))", legend: "shared" },
          ],
        }),
      ],
    },
    {
      title: "Dead letters and jobs",
      panels: [
        lines({
          title: "Questions that wait for Kafka",
          description: "Steadily above 0: Kafka is slow, or KAFKA_MAX_READS is too low",
          queries: [
            { expr: "fiberstream_console_waiting_kafka_questions", legend: "{{instance}}" },
          ],
        }),
        lines({
          title: "Searches that ended at their limit",
          description:
            "Their answers say how far they have looked. Many: askers filter for what is rare",
          unit: "cps",
          queries: [
            {
              expr: "sum by (search) (rate(fiberstream_console_cut_searches_total[5m]))",
              legend: "{{search}}",
            },
          ],
        }),
        lines({
          title: "Streams and exports whose asker lost access; tries that are not in the audit log",
          description:
            "Lost access: a session or key ended, or has other rights. Not in the audit log: PostgreSQL is unavailable",
          unit: "cps",
          queries: [
            {
              expr: "sum(rate(fiberstream_console_ended_access_total[5m]))",
              legend: "lost access",
            },
            {
              expr: "sum(rate(fiberstream_console_unlogged_tries_total[5m]))",
              legend: "not in the audit log",
            },
          ],
        }),
        lines({
          title: "Uses of keys that could not be recorded",
          description:
            "Of the gateways, too. They are retried each minute: PostgreSQL is unavailable, or not migrated",
          unit: "cps",
          queries: [
            {
              expr: "sum by (job) (rate(fiberstream_key_use_failures_total[5m]))",
              legend: "{{job}}",
            },
          ],
        }),
        lines({
          title: "Dead letters sent back",
          description: "By jobs of the console; those of fiber dlq replay are not counted",
          unit: "cps",
          queries: [
            {
              expr: "sum(rate(fiberstream_console_redriven_letters_total[5m]))",
              legend: "letters",
            },
          ],
        }),
        lines({
          title: "Jobs",
          description:
            "failed: GET /api/v1/jobs has the problem of each. taken over: a console died with it, and another one has resumed it",
          queries: [
            {
              expr: "sum by (job_kind, job_state) (increase(fiberstream_console_jobs_finished_total[5m]))",
              legend: "{{job_kind}} {{job_state}}",
            },
            {
              expr: "sum by (job_kind) (increase(fiberstream_console_jobs_taken_over_total[5m]))",
              legend: "{{job_kind}} taken over",
            },
          ],
        }),
      ],
    },
    {
      title: "Single sign-on",
      panels: [
        lines({
          title: "Sign-ins at the identity provider",
          description:
            "unavailable: the provider does not answer. refused: no grant. forged: its answer is not valid",
          queries: [
            {
              expr: "sum by (outcome) (increase(fiberstream_console_provider_sign_ins_total[5m]))",
              legend: "{{outcome}}",
            },
          ],
        }),
        lines({
          title: "Logout requests of the identity provider",
          description: "failed: sessions that the provider has ended may still be open",
          queries: [
            {
              expr: "sum by (outcome) (increase(fiberstream_console_provider_logouts_total[5m]))",
              legend: "{{outcome}}",
            },
          ],
        }),
        lines({
          title: "Names of people from untrusted peers",
          description:
            "Somebody goes round the proxy that signs people in, or TRUSTED_PROXIES lacks it",
          queries: [
            {
              expr: "sum(increase(fiberstream_console_untrusted_proxy_headers_total[5m]))",
              legend: "requests",
            },
          ],
        }),
        lines({
          title: "File with the grants of groups",
          description: "0: its last change is invalid and ignored",
          queries: [{ expr: "fiberstream_console_grants_file_valid", legend: "{{instance}}" }],
        }),
      ],
    },
    processRow("console"),
  ],
};
