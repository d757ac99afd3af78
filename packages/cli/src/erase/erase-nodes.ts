import { setTimeout as delay } from "node:timers/promises";
import type { Producer } from "@fiberstream/kafka/producer";
import { inTransactionAs } from "@fiberstream/postgres/acting";
import { operator } from "@fiberstream/postgres/operator";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import { countErased, type Erasure } from "./erasure-record.ts";

/** The places besides PostgreSQL in which nodes are. */
export type NodePlaces = {
  readonly producer: Pick<Producer, "send">;
  /** probe.nodes, as it is named on the cluster. */
  readonly topic: string;
  readonly ask: AskRedis;
  /** Prefix of the keys in Redis. */
  readonly namespace: string;
};

const NODES_AT_A_TIME = 500;
const PUBLISHED_WITHIN_MS = 10_000;
const POLL_INTERVAL_MS = 200;

/**
 * Erases the nodes of an erasure: their rows, their records in probe.nodes by a tombstone each, at which every processor
 * forgets them, and their entries in the cache that the processors share.
 *
 * @returns those that are there again, because their probes still send
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function eraseNodes(
  pool: PgPool,
  erasure: Erasure,
  places: NodePlaces,
): Promise<string[]> {
  const again: string[] = [];
  for (let from = 0; from < erasure.nodeIds.length; from += NODES_AT_A_TIME) {
    const nodeIds = erasure.nodeIds.slice(from, from + NODES_AT_A_TIME);
    await untilPublished(pool, nodeIds);
    await inTransactionAs(pool, operator(), async (client) => {
      const deleted = await query(client, DELETE_NODES, [nodeIds]);
      await countErased(client, erasure, { kind: "nodes", count: deleted.length });
      const changes = await query(client, DELETE_CHANGES, [nodeIds]);
      await countErased(client, erasure, { kind: "node_changes", count: changes.length });
    });
    await places.producer.send(
      places.topic,
      nodeIds.map((key) => ({ key, value: null })),
    );
    await places.ask((client) =>
      client.unlink(nodeIds.map((nodeId) => `${places.namespace}node:${nodeId}`)),
    );
    const found = await query<{ node_id: string }>(pool, PUBLISH_AGAIN, [nodeIds]);
    again.push(...found.map(({ node_id }) => node_id));
  }
  return again;
}

/**
 * Waits until the publisher has nothing left to send for these nodes, so that it sends nothing after the tombstone. If it
 * does not run, it sends nothing either.
 */
async function untilPublished(pool: PgPool, nodeIds: readonly string[]): Promise<void> {
  const deadlineMs = performance.now() + PUBLISHED_WITHIN_MS;
  while (performance.now() < deadlineMs) {
    const [left] = await query<{ are: boolean }>(pool, ARE_ANY_UNPUBLISHED, [nodeIds]);
    if (left?.are !== true) return;
    await delay(POLL_INTERVAL_MS);
  }
}

const ARE_ANY_UNPUBLISHED = `
  SELECT EXISTS (
    SELECT FROM nodes WHERE node_id = ANY ($1::text[]) AND published_revision < revision
  ) AS are`;
const DELETE_NODES = `DELETE FROM nodes WHERE node_id = ANY ($1::text[]) RETURNING 1`;
const DELETE_CHANGES = `DELETE FROM node_changes WHERE node_id = ANY ($1::text[]) RETURNING 1`;
// The tombstone may have come after the record of a node that was registered again.
const PUBLISH_AGAIN = `
  UPDATE nodes SET published_revision = 0 WHERE node_id = ANY ($1::text[]) RETURNING node_id`;
