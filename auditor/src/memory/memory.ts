import { readCheckpointFile } from "@fiberstream/audit/checkpoints/checkpoint-file";
import { type Checkpoint, readCheckpoint } from "@fiberstream/audit/checkpoints/checkpoint";
import type { FoundCheckpoint } from "@fiberstream/audit/checkpoints/check-checkpoints";
import { readCheckpointTopic, readEntryTopic } from "@fiberstream/audit/checkpoints/read-topics";
import type { VerifierKey } from "@fiberstream/audit/checkpoints/signing-keys";
import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import type { Log } from "@fiberstream/runtime/log";
import type { AuditEntry } from "@fiberstream/schemas/generated/records";
import { BrokenTrailError } from "../trail/broken-trail.ts";

/** What the auditor has signed and published before, as Kafka and its file have it. PostgreSQL can change neither. */
export type Memory = {
  /** The newest checkpoints, by size. A size may have several. */
  readonly checkpoints: ReadonlyMap<number, readonly RememberedCheckpoint[]>;
  /** Hashes of the newest published entries, by seq. */
  readonly published: ReadonlyMap<number, Buffer>;
};

export type RememberedCheckpoint = Checkpoint & { readonly where: string };

/** How many records at the end of a topic are read. With one checkpoint in 5 minutes, 200 are 16 hours. */
const LAST_CHECKPOINTS = 200;
const LAST_ENTRIES = 1_000;
const LAST_FILE_BYTES = 262_144;

export type MemorySources = {
  readonly reader: Pick<TopicReader, "range" | "read">;
  readonly decoder: RecordDecoder<AuditEntry>;
  readonly topics: { readonly entries: string; readonly checkpoints: string };
  readonly checkpointFile: string | undefined;
  readonly origin: string;
  /** The auditor's own key, and those that it had before. */
  readonly keys: readonly VerifierKey[];
  readonly log: Log;
};

/**
 * Reads the newest checkpoints and published entries.
 * @throws {BrokenTrailError} when a checkpoint of this trail was signed by an unknown key
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function recall(sources: MemorySources): Promise<Memory> {
  const { reader, topics, checkpointFile } = sources;
  const topic = topics.checkpoints;
  const found = await readCheckpointTopic({ reader, topic, last: LAST_CHECKPOINTS });
  if (checkpointFile !== undefined) found.push(...(await checkpointsOfFile(checkpointFile)));
  const checkpoints = found.flatMap((each) => ownCheckpoint(each, sources));
  return {
    checkpoints: Map.groupBy(checkpoints, ({ size }) => size),
    published: await publishedHashes(sources),
  };
}

async function checkpointsOfFile(path: string): Promise<FoundCheckpoint[]> {
  const notes = (await readCheckpointFile(path, { lastBytes: LAST_FILE_BYTES })) ?? [];
  return notes.map((note) => ({ note, where: path }));
}

function ownCheckpoint(
  { note, where }: FoundCheckpoint,
  { origin, keys }: MemorySources,
): RememberedCheckpoint[] {
  const reading = readCheckpoint(note, { origin, keys });
  switch (reading.kind) {
    case "checkpoint":
      return [{ ...reading.checkpoint, where }];
    case "foreign":
      return [];
    case "bad":
      // It may be what the next checkpoint has to continue, so it cannot be left out.
      throw new BrokenTrailError("signature", `the checkpoint at ${where} ${reading.problem}`);
  }
}

async function publishedHashes(sources: MemorySources): Promise<Map<number, Buffer>> {
  const { reader, decoder, topics, origin, log } = sources;
  const hashes = new Map<number, Buffer>();
  const entries = readEntryTopic({
    reader,
    decoder,
    topic: topics.entries,
    origin,
    last: LAST_ENTRIES,
    onUnreadable: (offset, reason) =>
      log.warn({ topic: topics.entries, offset, reason }, "record of another writer skipped"),
  });
  for await (const page of entries) {
    for (const { seq, hash, offset } of page) {
      const earlier = hashes.get(seq);
      if (earlier !== undefined && !earlier.equals(hash)) {
        throw new BrokenTrailError(
          "copy",
          `${topics.entries} has two different entries ${seq}, the second at offset ${offset}`,
        );
      }
      hashes.set(seq, Buffer.from(hash));
    }
  }
  return hashes;
}
