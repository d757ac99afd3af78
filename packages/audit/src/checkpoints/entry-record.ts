import { isUtf8 } from "node:buffer";
import { wireValue } from "@fiberstream/kafka/wire-format";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { AuditEntry } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";
import type { ChainedEntry } from "./follow-chain.ts";

/** Whether the topic can have the bytes of an entry unchanged: Avro's strings are UTF-8, as the JSON of entries is. */
export const isPublishable = ({ entry }: ChainedEntry): boolean => isUtf8(entry);

/** Returns what makes an entry a record of the topic audit.entries. */
export function createEntryRecord(options: { origin: string; schemaId: number }) {
  const { origin, schemaId } = options;
  const type = avsc.Type.forSchema(readAvroSchema("AuditEntry") as avsc.Schema);
  return ({ seq, prevHash, entry, hash }: ChainedEntry): OutgoingRecord => {
    const value: AuditEntry = {
      seq,
      origin,
      prev_hash: Buffer.from(prevHash).toString("hex"),
      hash: Buffer.from(hash).toString("hex"),
      entry: Buffer.from(entry).toString(),
    };
    return { key: String(seq), value: wireValue(schemaId, type.toBuffer(value)) };
  };
}

/** Returns the entry of a decoded record. */
export const entryOfRecord = ({ seq, prev_hash, hash, entry }: AuditEntry): ChainedEntry => ({
  seq,
  prevHash: Buffer.from(prev_hash, "hex"),
  hash: Buffer.from(hash, "hex"),
  entry: Buffer.from(entry),
});
