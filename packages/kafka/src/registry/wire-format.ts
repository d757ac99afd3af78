/** Confluent's wire format: a zero byte, the writer's schema id (4 bytes, big-endian), then Avro. */
export const WIRE_PREFIX_BYTES = 5;

/** Writes the prefix into `target` at byte `at`. */
export function writeWirePrefix(target: Buffer, at: number, schemaId: number): void {
  target[at] = 0;
  target.writeInt32BE(schemaId, at + 1);
}

/** Returns an Avro value with its prefix. It copies: code that runs for each record writes both into one buffer instead. */
export function wireValue(schemaId: number, avro: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(WIRE_PREFIX_BYTES + avro.length);
  writeWirePrefix(value, 0, schemaId);
  value.set(avro, WIRE_PREFIX_BYTES);
  return value;
}

/** Returns the writer's schema id, or undefined if the value is not in the wire format. */
export function schemaIdOf(value: Buffer | null): number | undefined {
  if (value === null || value.length < WIRE_PREFIX_BYTES || value[0] !== 0) return undefined;
  return value.readInt32BE(1);
}
