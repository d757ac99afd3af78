import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * The file of checkpoints: one JSON object in each line, `{"checkpoint": "<signed note>"}`. Lines are only appended.
 * `jq -r .checkpoint` shows the notes.
 */

/**
 * Appends a checkpoint; it is on the disk when the promise resolves.
 * @throws the error of the file system
 */
export async function appendToCheckpointFile(path: string, note: string): Promise<void> {
  const file = await open(path, "a+", 0o644);
  try {
    const isNew = (await file.stat()).size === 0;
    // A process that was killed while it wrote has left a line without its end.
    const start = isNew || (await endsWithLineBreak(file)) ? "" : "\n";
    await file.appendFile(`${start}${JSON.stringify({ checkpoint: note })}\n`);
    await file.sync();
    if (isNew) await syncFolder(dirname(path));
  } finally {
    await file.close();
  }
}

async function endsWithLineBreak(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === LINE_BREAK;
}

const LINE_BREAK = 10;

/** The name of a new file is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads the checkpoints at the end of a file, the oldest first. A line that a killed process has not finished is left out.
 *
 * @param options.lastBytes reads no more than so many bytes; by default the whole file
 * @returns undefined if there is no such file
 * @throws the error of the file system
 */
export async function readCheckpointFile(
  path: string,
  { lastBytes = Infinity }: { lastBytes?: number } = {},
): Promise<string[] | undefined> {
  const file = await openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - lastBytes);
    const bytes = Buffer.alloc(size - start);
    await file.read(bytes, 0, bytes.length, start);
    const lines = bytes.toString().split("\n");
    return (start > 0 ? lines.slice(1) : lines).flatMap(checkpointOf);
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function checkpointOf(line: string): string[] {
  try {
    const { checkpoint } = JSON.parse(line) as { checkpoint?: unknown };
    return typeof checkpoint === "string" ? [checkpoint] : [];
  } catch {
    return [];
  }
}
