import { type PgClient, query } from "@fiberstream/postgres/pool";

/** Up to which entry the topic has the trail: the table `audit_published`, of one row. */
export type Outbox = {
  /** Returns the number of the last published entry; 0 for another trail or another topic than the one in the table. */
  published: () => Promise<number>;
  mark: (seq: number) => Promise<void>;
};

const SELECT = "SELECT seq FROM audit_published WHERE origin = $1 AND topic_id = $2";
const MARK =
  "UPDATE audit_published SET origin = $1, topic_id = $2, seq = $3, published_at = now()";

/** @param options.topicId Kafka's id of the topic: a topic that was created again is empty */
export function createOutbox(
  client: PgClient,
  { origin, topicId }: { origin: string; topicId: string },
): Outbox {
  return {
    published: async () => {
      const [row] = await query<{ seq: string }>(client, SELECT, [origin, topicId]);
      return Number(row?.seq ?? 0);
    },
    mark: async (seq) => {
      await query(client, MARK, [origin, topicId, seq]);
    },
  };
}
