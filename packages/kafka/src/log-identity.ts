import type { LogIdentity } from "./records.ts";

/** Whether two identities are of different logs, so that offsets of one are not valid in the other. An unknown id ("") counts as equal. */
export const isAnotherLog = (a: LogIdentity, b: LogIdentity): boolean =>
  differ(a.clusterId, b.clusterId) || differ(a.topicId, b.topicId);

const differ = (a: string, b: string) => a !== "" && b !== "" && a !== b;
