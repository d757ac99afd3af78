import { entryInNote, entryNote, type LedgerEntry } from "@fiberstream/reconciliation/ledger-entry";

/** What is committed with a partition's offset: how the next owner gets the same windows, and the open ledger. */
export type WindowCheckpoint = {
  /** The offset from which the windows have to be read again. */
  readonly from: bigint;
  /** The partition's clock at the committed offset, in ms since 1970. */
  readonly clockMs: number;
  /** What was done up to the committed offset and is not in probe.reconciliation yet. */
  readonly ledger: LedgerEntry | undefined;
};

const CHECKPOINT = /^windows from=(\d+) clock=(\d+)(?: ledger=|$)/;

export const writeCheckpoint = ({ from, clockMs, ledger }: WindowCheckpoint): string =>
  `windows from=${from} clock=${clockMs}${entryNote(ledger)}`;

/** Undefined for a note of someone else, such as a tool that has moved the offset. */
export function readCheckpoint(text: string): WindowCheckpoint | undefined {
  const [, from, clockMs] = CHECKPOINT.exec(text) ?? [];
  if (from === undefined || clockMs === undefined) return undefined;
  return { from: BigInt(from), clockMs: Number(clockMs), ledger: entryInNote(text) };
}
