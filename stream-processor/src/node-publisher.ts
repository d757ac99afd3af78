import { setTimeout as delay } from "node:timers/promises";
import type { Producer } from "@fiberstream/kafka/producer";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { postgresFailure } from "@fiberstream/postgres/postgres-errors";
import { FatalError, messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { Node } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";
import { TAGS } from "./node-data.ts";

const NODES_PER_ROUND = 500;
/** The notice of a change can be lost with its connection, so look now and then anyway. */
const LOOK_EVERY_MS = 1_000;
/** Any two numbers that nothing else in the database uses. */
const LEADER_LOCK = "pg_try_advisory_lock(1179210579, 1)";

const SELECT_UNPUBLISHED = `
  SELECT node_id, node_name, display_name, status, country, region, city, lat, lng, ${TAGS}, probe_version,
         (extract(epoch FROM created_at) * 1000000)::bigint::text AS created_at,
         (extract(epoch FROM updated_at) * 1000000)::bigint::text AS updated_at,
         revision
  FROM nodes WHERE published_revision < revision ORDER BY node_id LIMIT ${NODES_PER_ROUND}`;

/** A change after the select has a higher revision, so its mark stays. */
const MARK_PUBLISHED = `
  UPDATE nodes SET published_revision = done.revision
  FROM unnest($1::text[], $2::bigint[]) AS done (node_id, revision)
  WHERE nodes.node_id = done.node_id AND nodes.published_revision < done.revision`;

type Unpublished = Omit<Node, "created_at" | "updated_at" | "revision"> & {
  created_at: string;
  updated_at: string;
  revision: string;
};

/**
 * The outbox of `nodes`: writes every change to the topic probe.nodes, then clears its mark. A crash
 * between the two publishes twice, never not at all. One publisher at a time, by an advisory lock that
 * ends with its connection; the others wait to take over.
 *
 * @returns a function that ends it and waits until it has ended
 */
export function runNodePublisher(options: {
  pool: PgPool;
  producer: Producer;
  topic: string;
  schema: RecordSchema;
  schemaId: number;
  countPublished: (nodes: number) => void;
  log: Log;
}): () => Promise<void> {
  const { pool, producer, topic, schemaId, log } = options;
  const type = avsc.Type.forSchema(options.schema as avsc.Schema);
  const ending = new AbortController();

  const recordOf = (node: Unpublished) => {
    const avro = type.toBuffer({
      ...node,
      revision: Number(node.revision),
      created_at: Number(node.created_at),
      updated_at: Number(node.updated_at),
    });
    const value = wireValue(schemaId, avro);
    return { key: node.node_id, value };
  };

  const publishRound = async (client: PgClient): Promise<number> => {
    const nodes = await query<Unpublished>(client, SELECT_UNPUBLISHED);
    if (nodes.length === 0) return 0;
    await producer.send(topic, nodes.map(recordOf));
    const nodeIds = nodes.map((node) => node.node_id);
    await query(client, MARK_PUBLISHED, [nodeIds, nodes.map((node) => node.revision)]);
    options.countPublished(nodes.length);
    return nodes.length;
  };

  const publishAsLeader = async (client: PgClient) => {
    const [lock] = await query<{ isLeader: boolean }>(
      client,
      `SELECT ${LEADER_LOCK} AS "isLeader"`,
    );
    if (lock?.isLeader !== true) return;
    await query(client, "LISTEN nodes_changed");
    log.info({ topic }, "publishes changes of nodes");
    while (!ending.signal.aborted) {
      const published = await publishRound(client);
      if (published < NODES_PER_ROUND) await notice(client, ending.signal);
    }
  };

  const run = async () => {
    for (let failures = 0; !ending.signal.aborted;) {
      let client: PgClient | undefined;
      try {
        client = await pool.connect();
        await publishAsLeader(client);
        failures = 0;
      } catch (error) {
        const failure = postgresFailure(error);
        failures++;
        const advice = failure instanceof FatalError ? failure.advice : undefined;
        log.warn(
          { reason: messageOf(failure), advice, failures },
          "changes of nodes wait to be published",
        );
      } finally {
        // The connection goes, and the lock with it.
        client?.release(true);
      }
      const waitMs = failures === 0 ? LOOK_EVERY_MS : retryDelayMs(failures);
      await delay(waitMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };

  const ended = run();
  return async () => {
    ending.abort();
    await ended;
  };
}

/** Resolves at a notice of a change, after LOOK_EVERY_MS, or when `ending` is aborted. */
async function notice(client: PgClient, ending: AbortSignal): Promise<void> {
  const noticed = new AbortController();
  const wake = () => noticed.abort();
  client.once("notification", wake);
  await delay(LOOK_EVERY_MS, undefined, {
    signal: AbortSignal.any([noticed.signal, ending]),
  }).catch(() => undefined);
  client.removeListener("notification", wake);
}
