import type { SchemaRegistry } from "../registry/schema-registry.ts";
import { WIRE_PREFIX_BYTES } from "../registry/wire-format.ts";

/** Returns the decoded record of a record, or its bytes in hex if it cannot be decoded. */
export async function describeValue(
  registry: Pick<SchemaRegistry, "writerType">,
  {
    record: { value },
    schemaId,
  }: { record: { value: Buffer | null }; schemaId: number | undefined },
): Promise<{ decoded: unknown } | { hex: string | null }> {
  if (value === null) return { hex: null };
  const hex = { hex: value.toString("hex") };
  if (schemaId === undefined) return hex;
  try {
    const writer = await registry.writerType(schemaId);
    return writer.kind === "dead"
      ? hex
      : { decoded: writer.value.fromBuffer(value.subarray(WIRE_PREFIX_BYTES)) };
  } catch {
    // The bytes do not match the schema (perhaps the reason of the failure), or the registry is unavailable.
    return hex;
  }
}
