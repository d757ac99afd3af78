import { type PgClient, query } from "@fiberstream/postgres/pool";
import type { Break } from "@fiberstream/reconciliation/judge-minute";
import type { LedgerEntry } from "@fiberstream/reconciliation/ledger-entry";
import { type BookValues, bookValuesOf } from "@fiberstream/reconciliation/minute-books";
import type { ProcessorPosition } from "./kafka-view.ts";

/** The position of a stage's books of a partition. */
export type StagePosition = {
  readonly next: bigint;
  readonly completeAfter: number | null;
  /**
   * The processor has restarted the partition, because its committed offset was gone. Events that it had read before and
   * not finished are in no books; their offsets are below this one. Null if it has not restarted.
   */
  readonly begunAnewTo: bigint | null;
};

/** What the processor has read of a partition that is not in the table yet. */
export type ProcessorTail = {
  readonly next: bigint;
  readonly open: ReadonlyMap<number, BookValues>;
  /** A break between the table and the open entry, by the minute that it is counted in. */
  readonly gap: { readonly minute: number; readonly found: Break } | undefined;
  readonly completeAfter: number | null;
  /** The reason why the processor's position is not known; undefined if it is. */
  readonly unknown: string | undefined;
};

/** Reads the positions of the books, by "stage partition"; minutes since 1970. */
export async function readPositions(client: PgClient): Promise<Map<string, StagePosition>> {
  const rows = await query<{
    stage: string;
    partition: number;
    next_offset: string;
    complete_after: number | null;
    begun_anew_to: string | null;
  }>(client, SELECT_POSITIONS);
  return new Map(
    rows.map((row) => [
      `${row.stage} ${row.partition}`,
      {
        next: BigInt(row.next_offset),
        completeAfter: row.complete_after,
        begunAnewTo: row.begun_anew_to === null ? null : BigInt(row.begun_anew_to),
      },
    ]),
  );
}

/**
 * Joins the processor's open entry of a partition to the entries in the table.
 * @param known.committed read before the table's entries, so that these are not behind it
 * @param known.end the end of the raw partition
 */
export function tailOf(
  partition: number,
  known: {
    committed: ProcessorPosition | undefined;
    stored: StagePosition | undefined;
    end: bigint;
  },
): ProcessorTail {
  const tail = joined(partition, known);
  const { stored, committed, end } = known;
  if (stored === undefined) return tail;
  if (committed === undefined && tail.next < end) {
    return {
      ...tail,
      unknown: `the processor's committed offset of partition ${partition} of raw is missing`,
    };
  }
  const { begunAnewTo } = stored;
  if (begunAnewTo === null || stored.next >= begunAnewTo) return tail;
  const completeAfter = Math.max(tail.completeAfter ?? 0, ...tail.open.keys());
  if (tail.next >= begunAnewTo) return { ...tail, completeAfter };
  const unknown = `the processor has restarted partition ${partition} of raw and has not reached offset ${begunAnewTo} yet`;
  return { ...tail, completeAfter, unknown };
}

function joined(
  partition: number,
  { committed, stored }: Pick<Parameters<typeof tailOf>[1], "committed" | "stored">,
): ProcessorTail {
  const table = {
    next: stored?.next ?? 0n,
    open: new Map<number, BookValues>(),
    gap: undefined,
    completeAfter: stored?.completeAfter ?? null,
    unknown: undefined,
  };
  if (committed === undefined) return table;
  const { open, offset } = committed;
  if (open === undefined || open.to !== offset) {
    if (offset === table.next) return table;
    return { ...table, unknown: `the processor's books end at offset ${table.next} of raw` };
  }
  if (open.to <= table.next) return table;
  const minutes = new Map([...open.minutes].map(([minute, book]) => [minute, bookValuesOf(book)]));
  const tail = { ...table, next: open.to, open: minutes };
  if (open.from === table.next) return tail;
  const first = minutes.size > 0 ? Math.min(...minutes.keys()) : undefined;
  const last = minutes.size > 0 ? Math.max(...minutes.keys()) : null;
  if (stored === undefined || stored.next < 0n || open.begins) {
    const isWhole = stored === undefined && open.from === 0n;
    return { ...tail, completeAfter: isWhole ? null : last };
  }
  if (first === undefined) return tail;
  return { ...tail, gap: { minute: first, found: breakBefore(partition, open, table.next) } };
}

function breakBefore(partition: number, { from, to }: LedgerEntry, next: bigint): Break {
  const isSkip = from > next;
  const range = isSkip ? { from: next, to: from } : { from, to: next < to ? next : to };
  const kind = isSkip ? "skipped" : "read again";
  return { stage: "processor", partition, kind, ...range, events: Number(range.to - range.from) };
}

const SELECT_POSITIONS = `
  SELECT stage, partition, next_offset,
         (extract(epoch FROM complete_after) / 60)::integer AS complete_after, begun_anew_to
  FROM reconciliation_positions`;
