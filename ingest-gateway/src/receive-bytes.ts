import type { Readable } from "node:stream";
import { Refusal } from "./refusal.ts";

/** How often it is looked whether a body still arrives. */
const LOOK_MS = 1_000;
/** For connections that begin slowly, and for bodies that come in few, far pieces. */
const GRACE_SECONDS = 5;

/**
 * Hands the bytes of a request on as they arrive, the next ones when those before have been taken.
 *
 * @param options.minBytesPerSecond that have to arrive on the average, after a grace of 5 seconds
 * @throws {Refusal} REQUEST_TIMEOUT where they do not; what `take` throws; the request's own error when the
 *   sender has gone
 */
export function receiveBytes(
  request: Readable,
  options: { minBytesPerSecond: number; take: (piece: Buffer) => Promise<void> | void },
): Promise<void> {
  const { minBytesPerSecond, take } = options;
  return new Promise((resolve, reject) => {
    let receivedBytes = 0;
    let taking: Promise<void> | undefined;
    let hasEnded = false;
    let isOver = false;
    // Counted and not timed: while the process itself stands still nobody is slow.
    let seconds = 0;
    const looks = setInterval(() => {
      seconds++;
      const isSlow = receivedBytes < minBytesPerSecond * seconds;
      // While bytes are being taken the sender waits for us.
      if (seconds > GRACE_SECONDS && isSlow && taking === undefined)
        fail(tooSlow(minBytesPerSecond));
    }, LOOK_MS);

    const settle = () => {
      isOver = true;
      clearInterval(looks);
      request.off("readable", onReadable).off("error", fail).off("end", onEnd);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    // It may end while its last bytes are being taken.
    const onEnd = () => {
      hasEnded = true;
      if (taking === undefined) finish();
    };
    const finish = () => {
      settle();
      resolve();
    };
    const onTaken = () => {
      taking = undefined;
      if (hasEnded) finish();
      else onReadable();
    };
    // read() gives all that is there in one piece, however small the chunks are that it came in.
    const onReadable = () => {
      try {
        while (taking === undefined && !isOver) {
          const piece = request.read() as Buffer | null;
          if (piece === null) return;
          receivedBytes += piece.length;
          taking = take(piece) ?? undefined;
          taking?.then(onTaken, fail);
        }
      } catch (error) {
        fail(error);
      }
    };
    request.on("readable", onReadable).on("error", fail).on("end", onEnd);
  });
}

const tooSlow = (minBytesPerSecond: number): Refusal =>
  new Refusal(
    "REQUEST_TIMEOUT",
    `the body must arrive with at least ${minBytesPerSecond} bytes a second: send it faster or in parts`,
    { headers: { Connection: "close" } },
  );
