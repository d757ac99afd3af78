import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";

/** A line without its end, or why it cannot be read. */
export type Line = { readonly text: string } | { readonly problem: string };

/** The longest events that `fiber export` writes have tags of 16 KB, which JSON may escape. */
export const MAX_LINE_BYTES = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Reads a file's lines, of which each takes at most MAX_LINE_BYTES of memory. */
export async function* linesOf(
  path: string,
): AsyncGenerator<{ readonly lines: readonly Line[]; readonly share: number }> {
  const { size } = await stat(path);
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  let begun: Buffer = Buffer.alloc(0);
  let isTooLong = false;
  for await (const part of stream) {
    const chunk = part as Buffer;
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      lines.push(isTooLong ? TOO_LONG : lineOf(joined(begun, chunk.subarray(from, end))));
      begun = EMPTY;
      isTooLong = false;
      from = end + 1;
    }
    const rest = chunk.subarray(from);
    isTooLong ||= begun.length + rest.length > MAX_LINE_BYTES;
    begun = isTooLong ? EMPTY : joined(begun, rest);
    yield { lines, share: stream.bytesRead / size };
  }
  if (isTooLong) yield { lines: [TOO_LONG], share: 1 };
  else if (begun.length > 0) yield { lines: [lineOf(begun)], share: 1 };
}

const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);
const joined = (begun: Buffer, rest: Buffer): Buffer =>
  begun.length === 0 ? rest : Buffer.concat([begun, rest]);

function lineOf(bytes: Buffer): Line {
  if (bytes.length > MAX_LINE_BYTES) return TOO_LONG;
  if (!isUtf8(bytes)) return { problem: "the line is not UTF-8" };
  return { text: bytes.toString("utf8") };
}

const TOO_LONG: Line = { problem: `the line is longer than ${MAX_LINE_BYTES} bytes` };
