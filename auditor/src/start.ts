import { appendToCheckpointFile } from "@fiberstream/audit/checkpoints/checkpoint-file";
import { createEntryRecord } from "@fiberstream/audit/checkpoints/entry-record";
import { verifierText } from "@fiberstream/audit/checkpoints/signing-keys";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import type { PgClient } from "@fiberstream/postgres/pool";
import { recordServiceVersion } from "@fiberstream/postgres/service-version";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { createAuditorMetrics } from "./auditor-metrics.ts";
import { createSigner, type Signer } from "./checkpoints/signer.ts";
import { readAuditorKeys } from "./checkpoints/signing-key-file.ts";
import { createWitnesses } from "./checkpoints/witnesses.ts";
import { connect } from "./connect.ts";
import { keepTrail } from "./keep-trail.ts";
import { lead } from "./lead.ts";
import { recall } from "./memory/memory.ts";
import type { auditorSettings } from "./settings.ts";
import { createAuditLog, type LogEntry } from "./trail/audit-log.ts";
import { createOutbox } from "./trail/outbox.ts";

/** Waits for the backing services, then keeps the trail until the end of `life`. */
export async function start(frame: ServiceFrame<typeof auditorSettings>): Promise<void> {
  const { config, log, life, health, registry } = frame;
  const { origin, checkpointFile } = config;
  // Before it waits for anything: a wrong key is reported at once.
  const keys = readAuditorKeys(config);
  log.info({ origin, publicKey: verifierText(keys.signing.verifier) }, "signing key read");

  const metrics = createAuditorMetrics({
    registry,
    unsignedSeconds: () => signer.unsignedSeconds(),
  });
  const { topics, pool, schemaId, producer, reader, decoder, waitForKafka } = await connect(frame);
  recordServiceVersion({ pool, service: "auditor", version: frame.version, life, log });

  const entryRecord = createEntryRecord({ origin, schemaId });
  const publish = async (entries: readonly LogEntry[]) => {
    await waitForKafka(() => producer.send(topics.entries, entries.map(entryRecord)));
    metrics.countPublished(entries.length);
  };
  const storeInFile = async (note: string) => {
    if (checkpointFile === undefined) return;
    await appendToCheckpointFile(checkpointFile, note).catch((error: unknown) => {
      throw new FatalError(
        `the checkpoint cannot be appended to ${checkpointFile}: ${messageOf(error)}`,
        "Check the disk and the permissions of AUDIT_CHECKPOINT_FILE",
        { cause: error },
      );
    });
  };
  const storeInTopic = (note: string) =>
    producer.send(topics.checkpoints, [{ key: origin, value: Buffer.from(note) }]);
  const witnesses = life.own(
    createWitnesses({
      urls: config.witnessUrls,
      origin,
      keys: keys.all,
      timeoutMs: config.witnessTimeoutMs,
      onCosigned: async (note) => {
        try {
          await storeInFile(note);
          await storeInTopic(note);
        } catch (error) {
          log.error({ reason: messageOf(error) }, "signature of a witness not stored");
        }
      },
      count: metrics.countWitness,
      log,
    }),
    (owned) => owned.close(),
  );
  const signer: Signer = createSigner({
    origin,
    key: keys.signing,
    intervalMs: config.checkpointIntervalMs,
    store: async (note) => {
      await storeInFile(note);
      await waitForKafka(() => storeInTopic(note));
      witnesses.send(note);
    },
    metrics,
    log,
  });
  demandOnRequest(frame, signer);

  const check = health.check("trail");
  const work = async (client: PgClient) => {
    const topicId = await waitForKafka(async () => {
      await idOfTopic(reader, topics.checkpoints);
      return idOfTopic(reader, topics.entries);
    });
    await keepTrail({
      log: createAuditLog(client),
      outbox: createOutbox(client, { origin, topicId }),
      recall: () =>
        waitForKafka(() =>
          recall({ reader, decoder, topics, checkpointFile, origin, keys: keys.all, log }),
        ),
      publish,
      signer,
      rereadIntervalMs: config.rereadIntervalMs,
      onCompared: check.ok,
      stopping: life.stopping,
    });
  };
  const ended = lead({ pool, work, check, metrics, log, stopping: life.stopping });
  life.own("the leader's work", () => ended);
}

/**
 * Returns Kafka's id of a topic.
 * @throws {FatalError} if it has several partitions, in which its records would have no order
 */
async function idOfTopic(reader: Pick<TopicReader, "describe">, topic: string): Promise<string> {
  const { topicId, partitions } = await reader.describe(topic);
  if (partitions.length === 1) return topicId;
  throw new FatalError(
    `the topic ${topic} has ${partitions.length} partitions, but its records need one order`,
    "Keep a copy of its records. Then delete it and create it again with one partition (npm run deploy:topics)",
  );
}

/** Signs a checkpoint within a second at SIGHUP, and at POST /checkpoint on the admin port. */
function demandOnRequest(
  { admin, life }: Pick<ServiceFrame<typeof auditorSettings>, "admin" | "life">,
  signer: Signer,
): void {
  const demand = () => signer.demand();
  process.on("SIGHUP", demand);
  life.own(demand, (owned) => process.off("SIGHUP", owned));
  admin.route("POST /checkpoint", () => {
    demand();
    return { demanded: true };
  });
}
