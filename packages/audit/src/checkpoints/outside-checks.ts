import { readFile } from "node:fs/promises";
import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import type { AuditEntry } from "@fiberstream/schemas/generated/records";
import type { VerifiedEntry } from "../log/verify-entries.ts";
import {
  type CheckpointCheck,
  createCheckpointCheck,
  type Finding,
  type FoundCheckpoint,
} from "./check-checkpoints.ts";
import { type CopyCheck, createCopyCheck } from "./check-copy.ts";
import { readCheckpointFile } from "./checkpoint-file.ts";
import { readCheckpointTopic, readEntryTopic } from "./read-topics.ts";
import { type VerifierKey, verifierKeysOf } from "./signing-keys.ts";

/** Where the topics of the trail are read. */
export type TrailTopics = {
  readonly reader: Pick<TopicReader, "range" | "read">;
  readonly decoder: RecordDecoder<AuditEntry>;
  readonly topics: { readonly entries: string; readonly checkpoints: string };
};

/** What the database's log is compared with: what others have of it. */
export type OutsideChecks = {
  /** To be called with all entries in order, from the first one on, as their chain is verified. */
  readonly add: (entries: readonly VerifiedEntry[]) => void;
  /** @param options.isWhole false if the verification of the chain has ended before the last entry */
  readonly end: (options: { isWhole: boolean }) => OutsideReport;
};

export type OutsideReport = {
  readonly findings: readonly Finding[];
  /** Undefined if they were not asked for. */
  readonly checkpoints: { readonly number: number; readonly signedEntries: number } | undefined;
  readonly copy:
    { readonly copied: number; readonly repeats: number; readonly waiting: number } | undefined;
};

/**
 * Reads the public keys of a file.
 * @returns the keys, and the trail that they sign: the name of the first key that is not a witness'
 * @throws {Error} if the file cannot be read or has no such key
 */
export async function readKeyFile(
  path: string,
): Promise<{ origin: string; keys: readonly VerifierKey[] }> {
  const keys = verifierKeysOf(await readFile(path, "utf8"));
  const own = keys.find(({ algorithm }) => algorithm === "ed25519");
  if (own === undefined) throw new Error(`${path} has no public key of an auditor`);
  return { origin: own.name, keys };
}

/**
 * Reads the checkpoints and the copy, before the entries of the database are read: what is appended meanwhile is then only in the
 * database.
 *
 * @param options.checkpoints undefined: they are not compared
 * @param options.copy undefined: it is not compared
 * @throws {Error} if the file cannot be read
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function openOutsideChecks(options: {
  origin: string;
  keys: readonly VerifierKey[];
  checkpoints: TrailTopics | { readonly file: string } | undefined;
  copy: TrailTopics | undefined;
  nowMs: number;
}): Promise<OutsideChecks> {
  const { origin, keys, checkpoints, copy, nowMs } = options;
  const checkpointCheck =
    checkpoints &&
    createCheckpointCheck({ found: await findCheckpoints(checkpoints), origin, keys });
  const copyCheck = copy && (await readCopy(copy, origin, nowMs));
  return {
    add: (entries) => {
      for (const entry of entries) {
        checkpointCheck?.add(entry);
        copyCheck?.add(entry);
      }
    },
    end: (how) => reportOf(checkpointCheck?.end(how), copyCheck?.end(how)),
  };
}

async function findCheckpoints(
  from: TrailTopics | { readonly file: string },
): Promise<FoundCheckpoint[]> {
  if (!("file" in from)) {
    return readCheckpointTopic({ reader: from.reader, topic: from.topics.checkpoints });
  }
  const notes = await readCheckpointFile(from.file);
  if (notes === undefined) throw new Error(`there is no file ${from.file}`);
  return notes.map((note, index) => ({ note, where: `checkpoint ${index + 1} of ${from.file}` }));
}

async function readCopy(
  { reader, decoder, topics }: TrailTopics,
  origin: string,
  nowMs: number,
): Promise<CopyCheck> {
  const check = createCopyCheck({ nowMs });
  const topic = topics.entries;
  const onUnreadable = (offset: string, reason: string) =>
    check.addUnreadable(`the record at offset ${offset} of ${topic} is no entry: ${reason}`);
  for await (const entries of readEntryTopic({ reader, decoder, topic, origin, onUnreadable })) {
    entries.forEach(check.addCopy);
  }
  return check;
}

function reportOf(
  checkpoints: ReturnType<CheckpointCheck["end"]> | undefined,
  copy: ReturnType<CopyCheck["end"]> | undefined,
): OutsideReport {
  return {
    findings: [...(checkpoints?.findings ?? []), ...(copy?.findings ?? [])],
    checkpoints: checkpoints && {
      number: checkpoints.checkpoints,
      signedEntries: checkpoints.signedEntries,
    },
    copy: copy && { copied: copy.copied, repeats: copy.repeats, waiting: copy.waiting },
  };
}
