import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import { Refusal } from "../answers/refusal.ts";
import type { BodyEncoding, Unpacking } from "./body-encoding.ts";

/**
 * More frames than 10 MB need. A large one waits twice for the thread pool, which all bodies share: while that was busy,
 * 200 frames took more than 20 s.
 */
const MAX_FRAMES = 100;
/** How long small frames are decompressed before other requests are served. */
const TURN_MS = 3;

/** What a listener throws refuses the body. */
type UnpackListeners = {
  /** Called before each compressed stream is opened. */
  readonly onStream: () => void;
  readonly onUnpacked: (piece: Buffer) => void;
};

/**
 * Decompresses all bytes or refuses the body: zlib itself stops at the end of a zstd frame or a brotli stream, and
 * silently drops the bytes after it.
 *
 * Small frames after the first are decompressed at once: in the thread pool each would wait behind the bodies of others,
 * and costs 130 us of CPU instead of 30.
 *
 * @param packed the whole body
 * @throws {Refusal} BAD_ENCODING, also if a compressed stream is incomplete; and what the listeners throw
 */
export async function unpackBody(
  packed: Buffer,
  encoding: BodyEncoding,
  { onStream, onUnpacked }: UnpackListeners,
): Promise<void> {
  const { name, unpackFrame } = encoding;
  let frames = 0;
  let current: Unpacking | undefined;

  const beginStream = () => {
    if (frames > 0 && unpackFrame === undefined) throw badEncoding(`bytes follow its end`);
    if (frames === MAX_FRAMES) throw badEncoding(`it has more than ${MAX_FRAMES} frames`);
    frames++;
    onStream();
  };

  const open = (): Unpacking => {
    const opened = encoding.open();
    // An error that a listener throws would be uncaught.
    opened.on("data", (piece: Buffer) => {
      try {
        onUnpacked(piece);
      } catch (error) {
        opened.destroy(error as Error);
      }
    });
    // An error that occurs between two calls is found by the next call.
    opened.on("error", () => undefined);
    return opened;
  };

  /** @returns whether the compressed stream has ended */
  const settled = (stream: Unpacking, begin: (done: () => void) => void): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const onEnd = () => settle(() => resolve(true));
      const onError = (error: Error) =>
        settle(() => reject(error instanceof Refusal ? error : badEncoding(messageOf(error))));
      const settle = (report: () => void) => {
        stream.off("end", onEnd).off("error", onError);
        report();
      };
      stream.once("end", onEnd).once("error", onError);
      if (stream.errored !== null) onError(stream.errored);
      else begin(() => settle(() => resolve(false)));
    });

  const badEncoding = (why: string): Refusal =>
    new Refusal("BAD_ENCODING", `the body is not ${name} as its Content-Encoding says: ${why}`);

  let turnEndsAtMs = performance.now() + TURN_MS;
  try {
    for (let rest = packed; rest.length > 0;) {
      beginStream();
      const small = frames > 1 ? unpackFrame?.(rest) : undefined;
      if (small !== undefined) {
        if (small.unpacked.length > 0) onUnpacked(small.unpacked);
        rest = rest.subarray(small.packedBytes);
        if (performance.now() < turnEndsAtMs) continue;
        await turnOfTheEventLoop();
        turnEndsAtMs = performance.now() + TURN_MS;
        continue;
      }
      const stream = (current = open());
      const isOver = await settled(stream, (done) => {
        stream.write(rest, (error) => {
          // A stream that was destroyed meanwhile calls back without an error; the error follows.
          if (!error && stream.errored === null) done();
        });
      });
      if (!isOver) break;
      // `bytesWritten` does not count the bytes after the end of the frame.
      rest = rest.subarray(stream.bytesWritten);
      stream.destroy();
      current = undefined;
    }
    if (frames === 0) {
      beginStream();
      current = open();
    }
    const last = current;
    if (last !== undefined) await settled(last, () => last.end());
  } finally {
    current?.destroy();
  }
}
