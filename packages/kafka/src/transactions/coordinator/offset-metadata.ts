import type { LogIdentity } from "../../records.ts";

/** The process that committed an offset, and the numbers of the transactional ids that it had used by then. */
export type Committer = { readonly processId: string; readonly idNumbers: readonly number[] };

/**
 * The metadata of a committed offset: the caller's text, the log that the offset belongs to, and the process that
 * committed it.
 */
export type OffsetMetadata = {
  readonly text: string;
  readonly log: LogIdentity | undefined;
  readonly committer: Committer | undefined;
};

/** Anchored at the end, because the text before it is arbitrary, also from earlier versions and from tools. */
const FORMAT =
  /^(.*?)(?: log=([^ /]*)\/([^ ]+))?(?: by=([^ /]+)\/(\d{1,4}(?:-\d{1,4})?(?:\.\d{1,4}(?:-\d{1,4})?)*))?$/s;

export function readOffsetMetadata(stored: string): OffsetMetadata {
  const [, text = "", clusterId, topicId, processId, idNumbers] = FORMAT.exec(stored) ?? [];
  return {
    text,
    log: clusterId === undefined || topicId === undefined ? undefined : { clusterId, topicId },
    committer:
      processId === undefined || idNumbers === undefined
        ? undefined
        : { processId, idNumbers: numbersIn(idNumbers) },
  };
}

export function writeOffsetMetadata({ text, log, committer }: OffsetMetadata): string {
  let stored = text;
  if (log !== undefined) stored += ` log=${log.clusterId}/${log.topicId}`;
  if (committer !== undefined)
    stored += ` by=${committer.processId}/${rangesOf(committer.idNumbers)}`;
  return stored;
}

/** Sorted numbers as text; three or more in a row become a range: "0-12.15". */
function rangesOf(numbers: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range?.last === number - 1) range.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges
    .map(({ first, last }) => {
      if (first === last) return first;
      return `${first}${last === first + 1 ? "." : "-"}${last}`;
    })
    .join(".");
}

function numbersIn(ranges: string): number[] {
  return ranges.split(".").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
  });
}
