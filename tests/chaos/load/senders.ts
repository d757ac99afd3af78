/** Sends events of some nodes, one request at a time. */
export type Sender = {
  readonly form: "single" | "batch";
  /** Numbers of its nodes, which no other sender has. */
  readonly nodes: readonly number[];
  /** Events of each node per request. */
  readonly perNode: number;
  readonly everyMs: number;
  readonly requests: number;
};

const SINGLES = 4;
const BATCHES = 12;
const NODES_OF_A_BATCH = 10;
/** Interval of a probe that sends single events. */
const SINGLE_EVERY_MS = 200;
const BATCH_EVERY_MS = 1_000;

/** Plans some senders of single events, and more senders of batches; together they send `events` or a few more in `durationMs`. */
export function planSenders(plan: { events: number; durationMs: number }): readonly Sender[] {
  const { durationMs } = plan;
  const singles = Math.min(Math.ceil(durationMs / SINGLE_EVERY_MS), Math.ceil(plan.events / 20));
  const inBatches = Math.max(0, plan.events - SINGLES * singles) / BATCHES;
  const perNode = Math.max(
    1,
    Math.round((inBatches * BATCH_EVERY_MS) / durationMs / NODES_OF_A_BATCH),
  );
  const requests = Math.ceil(inBatches / (perNode * NODES_OF_A_BATCH));
  return [
    ...Array.from({ length: SINGLES }, (_, at): Sender => ({
      form: "single",
      nodes: [at],
      perNode: 1,
      everyMs: durationMs / singles,
      requests: singles,
    })),
    ...Array.from({ length: BATCHES }, (_, at): Sender => ({
      form: "batch",
      nodes: Array.from(
        { length: NODES_OF_A_BATCH },
        (_node, index) => SINGLES + at * NODES_OF_A_BATCH + index,
      ),
      perNode,
      everyMs: durationMs / requests,
      requests,
    })),
  ];
}

export const nodesOf = (senders: readonly Sender[]): number =>
  senders.reduce((sum, { nodes }) => sum + nodes.length, 0);
