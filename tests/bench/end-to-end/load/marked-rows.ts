import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { EventIdentity } from "./event-bytes.ts";

/** Some events of a load that are followed until their rows are visible. */
export type MarkedRows = {
  /** @returns the event's number, for `answered` */
  readonly sent: (event: EventIdentity & { dueMs: number }) => number;
  readonly answered: (mark: number, atMs: number, isAccepted: boolean) => void;
  /**
   * Waits until all rows are found.
   * @throws when the row of an accepted event is not found within a minute
   */
  readonly close: () => Promise<{ afterAnswerMs: number[]; afterDueMs: number[] }>;
};

const POLL_INTERVAL_MS = 5;
const FIND_TIMEOUT_MS = 60_000;

type Mark = EventIdentity & {
  readonly dueMs: number;
  answeredMs: number | undefined;
  visibleMs: number | undefined;
};

/** Polls for rows all the time, with the identity index, so that a query is faster than what it measures. */
export async function watchMarkedRows(databaseUrl: string): Promise<MarkedRows> {
  const sql = new Client({ connectionString: databaseUrl, application_name: "bench-rows" });
  await sql.connect();
  const marks: Mark[] = [];
  const missing = new Set<number>();
  const closing = new AbortController();

  const poll = async () => {
    const looked = [...missing];
    const { rows } = await sql.query<{ mark: number }>({
      text: SELECT_VISIBLE,
      values: [
        looked,
        looked.map((mark) => marks[mark]?.nodeId),
        looked.map((mark) => marks[mark]?.micros),
      ],
    });
    const nowMs = performance.now();
    for (const { mark } of rows) {
      const found = marks[mark];
      if (found !== undefined) found.visibleMs = nowMs;
      missing.delete(mark);
    }
  };
  const watch = async () => {
    while (!closing.signal.aborted || missing.size > 0) {
      await delay(POLL_INTERVAL_MS);
      if (missing.size > 0) await poll();
    }
  };
  const watching = watch();

  return {
    sent: (event) => {
      missing.add(marks.length);
      return marks.push({ ...event, answeredMs: undefined, visibleMs: undefined }) - 1;
    },
    answered: (mark, atMs, isAccepted) => {
      const answered = marks[mark];
      if (answered !== undefined) answered.answeredMs = atMs;
      if (!isAccepted) missing.delete(mark);
    },
    close: async () => {
      closing.abort();
      const giveUp = delay(FIND_TIMEOUT_MS, "late" as const, { ref: false });
      const how = await Promise.race([watching, giveUp]);
      await sql.end();
      if (how === "late") throw new Error(`${missing.size} rows of accepted events are missing`);
      const found = marks.filter(({ visibleMs }) => visibleMs !== undefined);
      const since = (from: (mark: Mark) => number | undefined) =>
        found.map((mark) => Math.max(0, (mark.visibleMs ?? NaN) - (from(mark) ?? NaN)));
      return {
        afterAnswerMs: since(({ answeredMs }) => answeredMs),
        afterDueMs: since(({ dueMs }) => dueMs),
      };
    },
  };
}

const SELECT_VISIBLE = `
  SELECT mark
  FROM unnest($1::integer[], $2::text[], $3::bigint[]) AS sent (mark, node_id, micros)
  CROSS JOIN LATERAL (
    SELECT FROM metrics
    WHERE metrics.node_id = sent.node_id
      AND metrics.time = 'epoch'::timestamptz + sent.micros * interval '1 microsecond'
    LIMIT 1
  ) AS visible`;
