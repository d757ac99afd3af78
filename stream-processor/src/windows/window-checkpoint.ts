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
  /** How many partitions raw had, which decides what nodes the partition has; undefined if unknown. */
  readonly partitions: number | undefined;
};

const CHECKPOINT = /^windows from=(\d+) clock=(\d+)(?: ledger=|$)/;
/** Within the entry's JSON, where earlier versions ignore it: they know no other text in the metadata. */
const PARTITIONS = /,"of":(\d+)\}$/;

export const writeCheckpoint = (checkpoint: WindowCheckpoint): string => {
  const { from, clockMs, ledger, partitions } = checkpoint;
  const more = partitions === undefined ? {} : { of: partitions };
  return `windows from=${from} clock=${clockMs}${entryMetadata(ledger, more)}`;
};

/** Returns undefined for metadata of another program, such as a tool that has moved the offset. */
export function readCheckpoint(text: string): WindowCheckpoint | undefined {
  const [, from, clockMs] = CHECKPOINT.exec(text) ?? [];
  if (from === undefined || clockMs === undefined) return undefined;
  const [, of] = PARTITIONS.exec(text) ?? [];
  return {
    from: BigInt(from),
    clockMs: Number(clockMs),
    ledger: entryInMetadata(text),
    partitions: of === undefined ? undefined : Number(of),
  };
}
