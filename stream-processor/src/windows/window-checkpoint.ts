import { entryInNote, entryNote, type LedgerEntry } from "@fiberstream/reconciliation/ledger-entry";

/** What is committed with a partition's offset: how the next owner gets the same windows, and the open ledger. */
export type WindowNote = {
  /** The offset from which the windows have to be read again. */
  readonly from: bigint;
  /** The partition's clock at the committed offset, in ms since 1970. */
  readonly clockMs: number;
  /** What was done up to the committed offset and is not in probe.reconciliation yet. */
  readonly ledger: LedgerEntry | undefined;
};

const NOTE = /^windows from=(\d+) clock=(\d+)(?: ledger=|$)/;

export const writeNote = ({ from, clockMs, ledger }: WindowNote): string =>
  `windows from=${from} clock=${clockMs}${entryNote(ledger)}`;

/** Undefined for a note of someone else, such as a tool that has moved the offset. */
export function readNote(text: string): WindowNote | undefined {
  const [, from, clockMs] = NOTE.exec(text) ?? [];
  if (from === undefined || clockMs === undefined) return undefined;
  return { from: BigInt(from), clockMs: Number(clockMs), ledger: entryInNote(text) };
}
