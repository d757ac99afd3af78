import type { LogIdentity } from "./records.ts";

/** Whether offsets of one mean nothing in the other. What is not known (an empty text) differs from nothing. */
export const isAnotherLog = (one: LogIdentity, other: LogIdentity): boolean =>
  differ(one.clusterId, other.clusterId) || differ(one.topicId, other.topicId);

const differ = (one: string, other: string) => one !== "" && other !== "" && one !== other;
