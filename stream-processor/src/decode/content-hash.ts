export const HASH_START = 0x811c9dc5;

/**
 * Returns the hash of what was hashed before and of the bytes from `from` to `to`. FNV-1a, 32 bits: it is only compared
 * between events of the same event_id, and never leaves the process.
 */
export function hashOf(before: number, bytes: Buffer, from: number, to: number): number {
  let hash = before;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash;
}
