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
    // Counted and not timed: while the process itself stands still nobody is slow.
    let seconds = 0;
    const looks = setInterval(() => {
      seconds++;
      const isSlow = receivedBytes < minBytesPerSecond * seconds;
      // One that is paused waits for us.
      if (seconds > GRACE_SECONDS && isSlow && !request.isPaused())
        fail(tooSlow(minBytesPerSecond));
    }, LOOK_MS);

    const settle = () => {
      clearInterval(looks);
      request.off("data", onData).off("error", fail).off("end", onEnd);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    const onEnd = () => {
      settle();
      resolve();
    };
    const onData = (piece: Buffer) => {
      receivedBytes += piece.length;
      try {
        const taking = take(piece);
        if (taking === undefined) return;
        request.pause();
        taking.then(() => request.resume(), fail);
      } catch (error) {
        fail(error);
      }
    };
    request.on("data", onData).on("error", fail).on("end", onEnd);
  });
}

const tooSlow = (minBytesPerSecond: number): Refusal =>
  new Refusal(
    "REQUEST_TIMEOUT",
    `the body must arrive with at least ${minBytesPerSecond} bytes a second: send it faster or in parts`,
    { headers: { Connection: "close" } },
  );
