import {
  entryInMetadata,
  entryMetadata,
  type LedgerEntry,
} from "@fiberstream/reconciliation/ledger-entry";

/** The metadata of a partition's committed offset: how the next owner rebuilds the windows, and the open ledger entry. */
export type WindowCheckpoint = {
  /** The offset from which the windows have to be read again. */
  readonly from: bigint;
  /** The partition's clock at the committed offset, in ms since 1970. */
  readonly clockMs: number;
  /** The ledger's open entry up to the committed offset, which is not in probe.reconciliation yet. */
  readonly ledger: LedgerEntry | undefined;
};

const CHECKPOINT = /^windows from=(\d+) clock=(\d+)(?: ledger=|$)/;

export const writeCheckpoint = ({ from, clockMs, ledger }: WindowCheckpoint): string =>
  `windows from=${from} clock=${clockMs}${entryMetadata(ledger)}`;

/** Returns undefined for metadata of another program, such as a tool that has moved the offset. */
export function readCheckpoint(text: string): WindowCheckpoint | undefined {
  const [, from, clockMs] = CHECKPOINT.exec(text) ?? [];
  if (from === undefined || clockMs === undefined) return undefined;
  return { from: BigInt(from), clockMs: Number(clockMs), ledger: entryInMetadata(text) };
}
