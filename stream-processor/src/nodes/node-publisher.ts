import { setTimeout as delay } from "node:timers/promises";
import type { Producer } from "@fiberstream/kafka/producer";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
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
/** A notification can be lost with its connection, so the table is also polled. */
const POLL_EVERY_MS = 1_000;
const LEADER_LOCK = `pg_try_advisory_lock(${ADVISORY_LOCKS.publishNodes})`;

const SELECT_UNPUBLISHED = `
  SELECT node_id, tenant, node_name, display_name, status, country, region, city, lat, lng, ${TAGS}, probe_version,
         (extract(epoch FROM created_at) * 1000000)::bigint::text AS created_at,
         (extract(epoch FROM updated_at) * 1000000)::bigint::text AS updated_at,
         revision
  FROM nodes WHERE published_revision < revision ORDER BY node_id LIMIT ${NODES_PER_ROUND}`;

/** A change after the select has a higher revision, so it stays unpublished. */
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
 * Runs the outbox of `nodes`: writes every change to the topic probe.nodes, then marks it as published. After a crash
 * between the two steps the change is published again. One process publishes at a time: it holds an advisory lock, which
 * ends with its connection; the others wait to take over.
 *
 * @returns a function that stops it and waits until it has ended
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
    log.info({ topic }, "became node publisher");
    while (!ending.signal.aborted) {
      const published = await publishRound(client);
      if (published < NODES_PER_ROUND) await notification(client, ending.signal);
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
          "publishing node changes failed, retrying",
        );
      } finally {
        // Closes the connection, which releases the lock.
        client?.release(true);
      }
      const waitMs = failures === 0 ? POLL_EVERY_MS : retryDelayMs(failures);
      await delay(waitMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };

  const ended = run();
  return async () => {
    ending.abort();
    await ended;
  };
}

/** Resolves at a notification of a change, after POLL_EVERY_MS, or when `ending` is aborted. */
async function notification(client: PgClient, ending: AbortSignal): Promise<void> {
  const notified = new AbortController();
  const wake = () => notified.abort();
  client.once("notification", wake);
  await delay(POLL_EVERY_MS, undefined, {
    signal: AbortSignal.any([notified.signal, ending]),
  }).catch(() => undefined);
  client.removeListener("notification", wake);
}
