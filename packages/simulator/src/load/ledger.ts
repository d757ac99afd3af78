/** State of a sent event: in flight, refused, or the time when it was accepted (`performance.now()`). */
const IN_FLIGHT = 0;
const REFUSED = -1;

/** The events of one probe, ordered by time; the index is the event's number. 24 bytes per event. */
export type ProbeLedger = {
  readonly micros: number[];
  readonly acceptedAtMs: number[];
  readonly isSeen: boolean[];
  /** All events before this index are settled: seen in the table, or refused. */
  firstUnsettled: number;
};

export type Ledger = {
  readonly probes: readonly ProbeLedger[];
  readonly sent: (event: { probe: number; number: number; micros: number }) => void;
  readonly accepted: (event: { probe: number; number: number }, atMs: number) => void;
  readonly refused: (event: { probe: number; number: number }) => void;
  /**
   * Marks a row as seen.
   * @returns the time when its event was accepted, if it is seen for the first time after that
   */
  readonly seen: (probe: number, micros: number) => number | undefined;
  /** Returns the number of accepted events whose rows have not been seen yet. */
  readonly missing: () => number;
};

/** Creates a list of the sent events, to compare them with the rows. */
export function createLedger(probes: number): Ledger {
  const ledgers = Array.from({ length: probes }, (): ProbeLedger => ({
    micros: [],
    acceptedAtMs: [],
    isSeen: [],
    firstUnsettled: 0,
  }));
  const of = (probe: number): ProbeLedger => {
    const found = ledgers[probe];
    if (found === undefined) throw new RangeError(`there is no probe ${probe}`);
    return found;
  };
  let missing = 0;
  return {
    probes: ledgers,
    sent: ({ probe, number, micros }) => {
      const ledger = of(probe);
      ledger.micros[number] = micros;
      ledger.acceptedAtMs[number] = IN_FLIGHT;
      ledger.isSeen[number] = false;
    },
    accepted: ({ probe, number }, atMs) => {
      const ledger = of(probe);
      ledger.acceptedAtMs[number] = atMs;
      if (ledger.isSeen[number] !== true) missing++;
    },
    refused: ({ probe, number }) => {
      of(probe).acceptedAtMs[number] = REFUSED;
    },
    seen: (probe, micros) => {
      const ledger = of(probe);
      const number = numberOf(ledger, micros);
      if (number === undefined || ledger.isSeen[number] === true) return undefined;
      ledger.isSeen[number] = true;
      const acceptedAtMs = ledger.acceptedAtMs[number] ?? IN_FLIGHT;
      if (acceptedAtMs > 0) missing--;
      return acceptedAtMs > 0 ? acceptedAtMs : undefined;
    },
    missing: () => missing,
  };
}

export const isAccepted = (ledger: ProbeLedger, number: number): boolean =>
  (ledger.acceptedAtMs[number] ?? IN_FLIGHT) > 0;

/** Returns the time of the oldest event that may still become a row, in us since 1970. */
export function oldestUnsettled(ledger: ProbeLedger): number | undefined {
  const { micros, acceptedAtMs, isSeen } = ledger;
  while (
    ledger.firstUnsettled < micros.length &&
    (isSeen[ledger.firstUnsettled] === true || acceptedAtMs[ledger.firstUnsettled] === REFUSED)
  ) {
    ledger.firstUnsettled++;
  }
  return micros[ledger.firstUnsettled];
}

/** Returns the number of the event with this time; the times of a probe's events increase. */
export function numberOf({ micros }: ProbeLedger, wanted: number): number | undefined {
  let low = 0;
  let high = micros.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = micros[middle] ?? 0;
    if (found === wanted) return middle;
    if (found < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
