import { hash } from "node:crypto";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";

/**
 * The namespace of event ids (RFC 9562, version 5). It never changes: an event sent again after
 * years of upgrades still has the id that it had.
 */
export const EVENT_ID_NAMESPACE = "c4b1a9d2-6f0e-4b57-9d3c-2f6a8e51b7f0";

/** In the order in which they are in the id's name: those of the role "identity" (event-id.test.ts). */
export const IDENTITY = [
  "tenant",
  "node_id",
  "timestamp",
  "probe_type",
  "target_host",
] as const satisfies readonly (keyof ProbeMetric)[];

/** What an event is identified by; `timestamp` is in microseconds since 1970. */
export type Identity = Pick<ProbeMetric, (typeof IDENTITY)[number]>;

const NAMESPACE_BYTES = 16;
// A field has at most 255 characters of at most 4 bytes, so five of them fit.
const name = Buffer.alloc(4_096);
name.write(EVENT_ID_NAMESPACE.replaceAll("-", ""), "hex");
/** The name's first bytes, by how many; to make such a view takes up to 0.1 us. */
const views = Array.from<Buffer | undefined>({ length: name.length + 1 });
const firstBytes = (bytes: number): Buffer => (views[bytes] ??= name.subarray(0, bytes));

/**
 * The UUIDv5 of tenant, node_id, timestamp, probe_type and target_host (or empty), joined by NUL,
 * which none of them can hold, so that different identities never share a name.
 */
export function eventIdOf(event: Identity): string {
  const { tenant, node_id, timestamp, probe_type, target_host } = event;
  const text = `${tenant}\0${node_id}\0${timestamp}\0${probe_type}\0${target_host ?? ""}`;
  const bytes = NAMESPACE_BYTES + name.write(text, NAMESPACE_BYTES);
  const hex = hash("sha1", firstBytes(bytes), "hex");
  const variant = VARIANT_DIGITS[Number.parseInt(hex.charAt(16), 16) & 3] ?? "8";
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The two variant bits of a UUID are 10. */
const VARIANT_DIGITS = ["8", "9", "a", "b"];
