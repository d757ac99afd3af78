import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure, typeOf } from "../errors/kafka-errors.ts";
import { readConfig } from "./read-config.ts";

const SETTING = "offsets.retention.minutes";

/** How long a broker retains the offsets of a group without members. */
export type OffsetRetention = { readonly brokerId: number; readonly minutes: number };

/**
 * Reads the setting of every broker, because each may coordinate some of the groups.
 * @returns undefined if this user may not describe the brokers' configuration
 * @throws {TransientError} when Kafka is unavailable
 * @throws {FatalError} when Kafka rejects the request
 */
export async function readOffsetRetention(
  kafka: KafkaClient,
): Promise<readonly OffsetRetention[] | undefined> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return await Promise.all(
      brokers.map(async ({ nodeId }) => {
        const config = await readConfig(admin, "BROKER", [String(nodeId)], [SETTING]);
        return { brokerId: nodeId, minutes: Number(config.get(String(nodeId))?.get(SETTING)) };
      }),
    );
  } catch (error) {
    if (typeOf(error) === "CLUSTER_AUTHORIZATION_FAILED") return undefined;
    throw kafkaFailure(error);
  } finally {
    await admin.disconnect();
  }
}
