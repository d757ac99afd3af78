import type { LogIdentity } from "../records.ts";

/** Who has committed an offset: the process, and the numbers of the transactional ids that it used by then. */
export type Committer = { readonly processId: string; readonly lanes: readonly number[] };

/**
 * What is kept with a partition's committed offset: the caller's own text, the log that the offset is of, and who
 * has committed it.
 */
export type OffsetMetadata = {
  readonly text: string;
  readonly log: LogIdentity | undefined;
  readonly committer: Committer | undefined;
};

/** Told apart from its end, so that the text may be anything, that of earlier versions and of tools too. */
const PARTS = /^(.*?)(?: log=([^ /]*)\/([^ ]+))?(?: by=([^ /]+)\/(\d+(?:\.\d+)*))?$/s;

export function readOffsetMetadata(stored: string): OffsetMetadata {
  const [, text = "", clusterId, topicId, processId, lanes] = PARTS.exec(stored) ?? [];
  return {
    text,
    log: clusterId === undefined || topicId === undefined ? undefined : { clusterId, topicId },
    committer:
      processId === undefined || lanes === undefined
        ? undefined
        : { processId, lanes: lanes.split(".").map(Number) },
  };
}

export function writeOffsetMetadata({ text, log, committer }: OffsetMetadata): string {
  let stored = text;
  if (log !== undefined) stored += ` log=${log.clusterId}/${log.topicId}`;
  if (committer !== undefined) stored += ` by=${committer.processId}/${committer.lanes.join(".")}`;
  return stored;
}
