import { type CheckpointReading, readCheckpoint } from "./checkpoint.ts";
import type { VerifiedEntry } from "../log/verify-entries.ts";
import { createCompactRange } from "./compact-range.ts";
import type { VerifierKey } from "./signing-keys.ts";

/** A checkpoint as it was found, and where: "offset 12", "line 3". */
export type FoundCheckpoint = { readonly note: string; readonly where: string };

/** Which guard found what, about which entry if it is about one. */
export type Finding = {
  readonly guard: "signature" | "checkpoint" | "clock" | "copy";
  readonly seq?: number;
  readonly message: string;
};

export type CheckpointCheck = {
  /** To be called with all entries in order, from the first one on. */
  add: (entry: VerifiedEntry) => void;
  /**
   * Returns what was found, and how many entries the largest checkpoint has signed.
   * @param options.isWhole false if the verification of the chain has ended before the last entry
   */
  end: (options: { isWhole: boolean }) => {
    checkpoints: number;
    signedEntries: number;
    findings: readonly Finding[];
  };
};

/**
 * An entry gets its time when its change is made, and a checkpoint when it is signed: by two clocks, and by transactions
 * that may take a while.
 */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/**
 * Compares checkpoints with the entries of the database: signatures, sizes, roots and times. A cut tail, a rebuilt chain and a
 * return to a backup are found only here, because the chain that is left is valid.
 */
export function createCheckpointCheck(options: {
  found: readonly FoundCheckpoint[];
  origin: string;
  keys: readonly VerifierKey[];
}): CheckpointCheck {
  const { origin, keys } = options;
  const read = options.found.map(({ note, where }) => ({
    where,
    reading: readCheckpoint(note, { origin, keys }),
  }));
  const findings: Finding[] = read.flatMap(signatureFinding);
  const signed = read
    .flatMap(({ where, reading }) =>
      reading.kind === "checkpoint" ? [{ where, ...reading.checkpoint }] : [],
    )
    .toSorted((a, b) => a.size - b.size);
  const earliestAfter = earliestFrom(signed);
  const tree = createCompactRange();
  let next = 0;
  let latestBeforeMs = -Infinity;
  const once = new Set<string>();
  /** The first finding of a kind leads to the rest: after a wrong root all later ones are wrong. */
  const reportFirst = (kind: string, finding: Finding) => {
    if (once.has(kind)) return;
    once.add(kind);
    findings.push(finding);
  };

  /** Compares the checkpoints that have signed just the entries of now. */
  const compareRoots = () => {
    for (let of = signed[next]; of?.size === tree.size(); of = signed[++next]) {
      if (!of.root.equals(tree.root())) {
        reportFirst("root", {
          guard: "checkpoint",
          seq: of.size,
          message: `the checkpoint ${whatOf(of)} has signed other entries: at least one of the first ${of.size} was changed, or the chain was rebuilt`,
        });
      }
      latestBeforeMs = Math.max(latestBeforeMs, of.timeMs ?? -Infinity);
    }
  };
  compareRoots();

  return {
    add: ({ seq, hash, atMs }) => {
      if (atMs < latestBeforeMs - CLOCK_TOLERANCE_MS) {
        reportFirst("before", {
          guard: "clock",
          seq,
          message: `entry ${seq} says ${isoTime(atMs)}, but an earlier checkpoint without it was signed at ${isoTime(latestBeforeMs)}: the clock of the database was turned back`,
        });
      }
      const signedAtMs = earliestAfter[next] ?? Infinity;
      if (atMs > signedAtMs + CLOCK_TOLERANCE_MS) {
        reportFirst("after", {
          guard: "clock",
          seq,
          message: `entry ${seq} says ${isoTime(atMs)}, but a checkpoint with it was signed at ${isoTime(signedAtMs)}: the clock of the database or of the auditor was wrong`,
        });
      }
      tree.append(hash);
      compareRoots();
    },
    end: ({ isWhole }) => {
      const beyond = signed.slice(next);
      const largest = beyond.at(-1);
      if (largest !== undefined && isWhole) {
        reportFirst("size", {
          guard: "checkpoint",
          seq: tree.size() + 1,
          message: `the checkpoint ${whatOf(largest)} has signed ${largest.size} entries, but the database has ${tree.size()}: the rest was cut off, or the database is from a backup`,
        });
      }
      return { checkpoints: signed.length, signedEntries: signed.at(-1)?.size ?? 0, findings };
    },
  };
}

function signatureFinding({
  where,
  reading,
}: {
  where: string;
  reading: CheckpointReading;
}): Finding[] {
  if (reading.kind !== "bad") return [];
  return [{ guard: "signature", message: `the checkpoint at ${where} ${reading.problem}` }];
}

type Signed = {
  readonly where: string;
  readonly size: number;
  readonly timeMs: number | undefined;
};

/** For each checkpoint, when it or a larger one was signed first: entries up to its size existed by then. */
function earliestFrom(signed: readonly Signed[]): number[] {
  let earliestMs = Infinity;
  return signed
    .toReversed()
    .map(({ timeMs = Infinity }) => (earliestMs = Math.min(earliestMs, timeMs)))
    .toReversed();
}

const whatOf = ({ where, size, timeMs }: Signed) =>
  `at ${where} (size ${size}${timeMs === undefined ? "" : `, signed at ${isoTime(timeMs)}`})`;

/** Also of a time that is out of the range of dates. */
const isoTime = (timeMs: number) =>
  Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : `${timeMs} ms`;
