import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure, typeOf } from "../errors/kafka-errors.ts";
import { readConfig } from "./read-config.ts";

const SETTING = "offsets.retention.minutes";

/** How long a broker keeps the offsets of a group that has no member any more. */
export type OffsetRetention = { readonly brokerId: number; readonly minutes: number };

/**
 * Every broker's, for each of them may lead a part of the groups.
 * @returns undefined when this account may not describe the brokers' configuration
 * @throws {TransientError} when Kafka is unavailable
 * @throws {FatalError} when it refuses
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
