import {
  openOutsideChecks,
  type OutsideChecks,
  readKeyFile,
  type TrailTopics,
} from "@fiberstream/audit/checkpoints/outside-checks";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createLife } from "@fiberstream/runtime/life";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { AuditEntry } from "@fiberstream/schemas/generated/records";
import { type Command, InvalidArgumentError, Option } from "commander";
import { readTopicAccess } from "../../records/topic-access.ts";

/** What the log in the database is compared with. */
export type OutsideOptions = {
  readonly checkpoints?: "kafka" | { readonly file: string };
  readonly against?: "kafka";
  readonly key?: string;
};

export const addOutsideOptions = (command: Command): Command =>
  command
    .option(
      "--checkpoints <where>",
      "compare with the signed checkpoints in Kafka (kafka) or in a file (file:<path>)",
      checkpointSource,
    )
    .addOption(
      new Option("--against <where>", "compare with the copy of the entries in Kafka").choices([
        "kafka",
      ]),
    )
    .option("--key <file>", "file with the auditor's public key, and former ones, one a line");

function checkpointSource(text: string): OutsideOptions["checkpoints"] {
  if (text === "kafka") return text;
  if (text.startsWith("file:") && text.length > "file:".length) {
    return { file: text.slice("file:".length) };
  }
  throw new InvalidArgumentError("It is kafka, or file:<path>.");
}

/**
 * Runs `work` with the comparisons that were asked for; undefined if none was.
 * @throws {Error} if an option is missing, or the comparisons need the first entry and `from` is another one
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function withOutsideChecks<T>(
  options: OutsideOptions & { readonly from: number },
  work: (checks: OutsideChecks | undefined) => Promise<T>,
): Promise<T> {
  const { checkpoints, against, key, from } = options;
  if (checkpoints === undefined && against === undefined) return work(undefined);
  if (key === undefined) throw new Error("--checkpoints and --against need --key");
  if (from !== 1) throw new Error("--checkpoints and --against need all entries, without --from");
  const { origin, keys } = await readKeyFile(key);
  const life = createLife();
  try {
    const needsKafka = checkpoints === "kafka" || against === "kafka";
    const topics = needsKafka
      ? life.own(await connectTopics(), (owned) => owned.reader.close())
      : undefined;
    const checks = await openOutsideChecks({
      origin,
      keys,
      checkpoints: checkpoints === "kafka" ? topics : checkpoints,
      copy: against === "kafka" ? topics : undefined,
      nowMs: Date.now(),
    });
    return await work(checks);
  } finally {
    await life.stop();
  }
}

async function connectTopics() {
  const { kafka, registry, namespace } = readTopicAccess();
  return {
    reader: await connectTopicReader({ kafka }),
    decoder: createRecordDecoder<AuditEntry>({
      registry,
      readerSchema: readAvroSchema("AuditEntry"),
    }),
    topics: {
      entries: topicIn(namespace, "audit.entries"),
      checkpoints: topicIn(namespace, "audit.checkpoints"),
    },
  } satisfies TrailTopics;
}
