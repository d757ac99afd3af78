import { messageOf } from "@fiberstream/runtime/errors";
import { Refusal } from "../answers/refusal.ts";
import type { BodyEncoding, Unpacking } from "./body-encoding.ts";

/** Undoes a body's Content-Encoding piece by piece. */
export type Unpack = {
  /**
   * Resolves when all of the piece has been unpacked.
   * @throws {Refusal} BAD_ENCODING, and what the listeners throw
   */
  readonly take: (piece: Buffer) => Promise<void>;
  /**
   * The body has ended.
   * @throws {Refusal} BAD_ENCODING when what was compressed has not
   */
  readonly end: () => Promise<void>;
  /** Ends it at any moment. */
  readonly drop: () => void;
};

/** So many frames nobody needs for 10 MB; each costs as much as a small request. */
const MAX_FRAMES = 1_000;

/** What either of them throws refuses the body. */
type UnpackListeners = {
  /** Told of each compressed stream before it is begun. */
  readonly onStream: () => void;
  readonly onUnpacked: (piece: Buffer) => void;
};

/**
 * All that was sent is read, or refused: zlib by itself stops at the end of a zstd frame or a brotli stream,
 * and drops the bytes behind it without a word.
 */
export function createUnpack(
  encoding: BodyEncoding,
  { onStream, onUnpacked }: UnpackListeners,
): Unpack {
  const { name, hasFrames } = encoding;
  let frames = 0;
  let current: Unpacking | undefined;

  const open = (): Unpacking => {
    if (frames > 0 && !hasFrames) throw badEncoding(`bytes are left over behind its end`);
    if (frames === MAX_FRAMES) throw badEncoding(`it has more than ${MAX_FRAMES} frames`);
    frames++;
    onStream();
    const opened = encoding.open();
    // What a listener throws would be nobody's.
    opened.on("data", (piece: Buffer) => {
      try {
        onUnpacked(piece);
      } catch (error) {
        opened.destroy(error as Error);
      }
    });
    // One that comes while nobody waits for it is found by whoever comes next.
    opened.on("error", () => undefined);
    return opened;
  };

  /** @returns whether the compressed stream has ended */
  const settled = (stream: Unpacking, begin: (done: () => void) => void): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const onEnd = () => settle(() => resolve(true));
      const onError = (error: Error) =>
        settle(() => reject(error instanceof Refusal ? error : badEncoding(messageOf(error))));
      const settle = (how: () => void) => {
        stream.off("end", onEnd).off("error", onError);
        how();
      };
      stream.once("end", onEnd).once("error", onError);
      if (stream.errored !== null) onError(stream.errored);
      else begin(() => settle(() => resolve(false)));
    });

  const badEncoding = (why: string): Refusal =>
    new Refusal("BAD_ENCODING", `the body is not ${name} as its Content-Encoding says: ${why}`);

  return {
    take: async (piece) => {
      for (let rest = piece; rest.length > 0;) {
        const stream = (current ??= open());
        const before = stream.bytesWritten;
        const isOver = await settled(stream, (done) => {
          stream.write(rest, (error) => {
            // One that was destroyed meanwhile calls back as if it had taken all; its error comes after.
            if (!error && stream.errored === null) done();
          });
        });
        if (!isOver) return;
        // Those that it did not take it has not counted either.
        rest = rest.subarray(stream.bytesWritten - before);
        stream.destroy();
        current = undefined;
      }
    },
    end: async () => {
      if (current === undefined && frames > 0) return;
      const stream = (current ??= open());
      await settled(stream, () => stream.end());
    },
    drop: () => current?.destroy(),
  };
}
