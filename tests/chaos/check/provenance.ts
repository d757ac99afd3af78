import type { Ledger } from "../load/ledger.ts";

/** Values that a stage passes on unchanged, in addition to the fields of the event. */
export type Provenance = {
  /** us since 1970. */
  readonly received_at: number;
  readonly tenant: string;
  readonly source_region: string | null;
  /** Fields that this version does not know; null if there are none. */
  readonly extra: unknown;
  /** Fields that the processor derived, by the names of their columns; null in raw. */
  readonly derived: Readonly<Record<string, unknown>> | null;
};

/** Fields that the processor derives, and that the table has as columns. */
export const DERIVED = [
  "enrichment_status",
  "quality",
  "latency_mean_ms",
  "latency_stddev_ms",
  "latency_z",
  "packet_loss_spike",
  "anomaly_score",
  "anomaly_reason",
] as const;

/** Returns the derived fields in a fixed order. */
export const derivedOf = (from: object): Record<string, unknown> =>
  Object.fromEntries(
    DERIVED.map((name) => [name, (from as Readonly<Record<string, unknown>>)[name]]),
  );

/** Stores the values of a stage, to check whether the next stage has the same. */
export type ProvenanceBook = {
  readonly note: (node: number, number: number, value: unknown) => void;
  readonly has: (node: number, number: number, value: unknown) => boolean;
};

/**
 * Stores a digest of 53 bits for each event, and another for each duplicate that differs, so that a million events can
 * be compared without storing them.
 */
export function createProvenanceBook(ledger: Ledger): ProvenanceBook {
  const first = ledger.nodes.map(({ micros }) => new Float64Array(micros.length));
  const others = new Map<string, number[]>();
  return {
    note: (node, number, value) => {
      const digest = digestOf(value);
      const digests = first[node];
      if (digests === undefined || digests[number] === digest) return;
      if (digests[number] === 0) digests[number] = digest;
      else {
        const key = `${node} ${number}`;
        others.set(key, [...(others.get(key) ?? []), digest]);
      }
    },
    has: (node, number, value) => {
      const digest = digestOf(value);
      if (first[node]?.[number] === digest) return true;
      return others.get(`${node} ${number}`)?.includes(digest) === true;
    },
  };
}

/** Mixes two multiplicative hashes of 32 bits, and returns 53 bits, never 0. */
function digestOf(value: unknown): number {
  const text = JSON.stringify(value);
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 4_294_967_296 * (high & 0x1fffff) + (low >>> 0) || 1;
}
