import type { KafkaClient } from "./kafka.ts";
import { COORDINATOR, createCluster } from "./kafkajs-cluster.ts";

/**
 * Takes a member out of its group that is ours but that we can no longer speak for: kafkajs starts a consumer
 * anew when all brokers were away, as another member, and the group would wait a session for the old one.
 * One that the group does not know any more is out of it already.
 * @throws what kafkajs throws: see `kafkaFailure`
 */
export async function leaveGroup(
  kafka: KafkaClient,
  member: { readonly groupId: string; readonly memberId: string },
): Promise<void> {
  const cluster = createCluster(kafka);
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({
      groupId: member.groupId,
      coordinatorType: COORDINATOR.group,
    });
    await coordinator.leaveGroup(member);
  } catch (error) {
    if (!isUnknownMember(error)) throw error;
  } finally {
    await cluster.disconnect();
  }
}

const isUnknownMember = (error: unknown) =>
  error instanceof Error && "type" in error && error.type === "UNKNOWN_MEMBER_ID";
