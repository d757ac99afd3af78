import { Transform, type TransformCallback } from "node:stream";
import { Worker } from "node:worker_threads";
import type { ExportColumn } from "@fiberstream/parquet/columns";

/** The thread's heap: a row group of texts, its encoded form, and the footer of some thousand groups. */
const MAX_HEAP_MB = 512;

/**
 * Creates a stream that takes rows as lines of JSON, and returns Parquet. It encodes on a thread of its own, because a row
 * group keeps a CPU busy for up to a second, in which no other question would be answered. A stream that is destroyed before
 * its end has written no footer: nothing can read such a file.
 */
export function parquetStream(columns: readonly ExportColumn[]): Transform {
  const worker = new Worker(new URL("encode-parquet.ts", import.meta.url), {
    workerData: columns,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  let waiting: TransformCallback = () => undefined;
  /** `null` is the end. */
  const encode = (lines: Uint8Array<ArrayBuffer> | null, done: TransformCallback) => {
    waiting = done;
    worker.postMessage(lines, lines === null ? [] : [lines.buffer]);
  };
  worker.on("message", (parquet: Uint8Array) => waiting(null, parquet));
  // Such as the one of a heap that is full.
  worker.on("error", (error: Error) => stream.destroy(error));
  const stream = new Transform({
    // A copy, because the chunk shares its memory with others.
    transform: (chunk: Buffer, _, done) => encode(Uint8Array.from(chunk), done),
    flush: (done) => encode(null, done),
    destroy: (error, done) => {
      void worker.terminate();
      done(error);
    },
  });
  return stream;
}
