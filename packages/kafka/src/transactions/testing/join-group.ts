import { joinGroupV9, syncGroupV5 } from "@platformatic/kafka";
import { answerType } from "../../broker/broker-answer.ts";
import type { Connections } from "../../broker/connections.ts";
import { createCoordinators } from "../coordinator/coordinators.ts";
import type { MemberIdentity } from "../../group/group-member.ts";

export type TestMember = {
  /** Its identity in the current generation. */
  identity: () => MemberIdentity;
  /** Joins again, which starts a new generation. */
  rejoin: () => Promise<void>;
};

const SESSION_MS = 60_000;
const PROTOCOL = { name: "test", metadata: Buffer.alloc(0) };

/** The only member of a group, without heartbeats. */
export async function joinGroup(connections: Connections, groupId: string): Promise<TestMember> {
  const coordinators = createCoordinators(connections);
  const group = { kind: "group", key: groupId, channel: "group" } as const;
  let memberId = "";
  let generationId = -1;

  const join = async () => {
    const ask = () =>
      coordinators.ask(
        group,
        joinGroupV9.api,
        ({ errorCode }) => (isNewMember(errorCode) ? [] : [errorCode]),
        groupId,
        SESSION_MS,
        SESSION_MS,
        memberId,
        null,
        "consumer",
        [PROTOCOL],
      );
    let joined = await ask();
    memberId = joined.memberId;
    if (isNewMember(joined.errorCode)) joined = await ask();
    ({ generationId } = joined);
    await coordinators.ask(
      group,
      syncGroupV5.api,
      ({ errorCode }) => [errorCode],
      groupId,
      generationId,
      memberId,
      null,
      "consumer",
      PROTOCOL.name,
      [{ memberId, assignment: Buffer.alloc(0) }],
    );
  };

  await join();
  return {
    identity: () => ({ memberId, generationId, groupInstanceId: null }),
    rejoin: join,
  };
}

const isNewMember = (code: number) => answerType(code) === "MEMBER_ID_REQUIRED";
