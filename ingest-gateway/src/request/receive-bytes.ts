import type { Readable } from "node:stream";
import { Refusal } from "../answers/refusal.ts";
import { MIN_BYTES_OF_PIECE, whenTooManyPieces } from "../http/bound-pieces.ts";

/** How often the rate of a body is checked. */
const CHECK_MS = 1_000;
/** Without a minimum rate, for slow starts and for bodies with long pauses between pieces. */
const GRACE_SECONDS = 5;

/**
 * Passes the bytes of a request to `take` as they arrive, one piece after the other.
 *
 * @param options.minBytesPerSecond minimum average rate, after the first 5 seconds
 * @throws {Refusal} REQUEST_TIMEOUT below that rate; PAYLOAD_TOO_LARGE for very many small pieces; what `take` throws;
 *   the request's own error if the sender has disconnected
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
    // Counted, not timed: while this process is paused nobody is slow.
    let seconds = 0;
    const checks = setInterval(() => {
      seconds++;
      const isSlow = receivedBytes < minBytesPerSecond * seconds;
      // While `take` runs, the sender waits for the gateway.
      if (seconds > GRACE_SECONDS && isSlow && taking === undefined)
        fail(tooSlow(minBytesPerSecond));
    }, CHECK_MS);

    const settle = () => {
      isOver = true;
      clearInterval(checks);
      request.off("data", onData).off("error", fail).off("end", onEnd);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    // The request may end while `take` handles its last bytes.
    const onEnd = () => {
      hasEnded = true;
      if (taking === undefined) finish();
    };
    const finish = () => {
      settle();
      resolve();
    };
    const onData = (piece: Buffer) => {
      receivedBytes += piece.length;
      try {
        taking = take(piece) ?? undefined;
        if (taking === undefined) return;
        request.pause();
        taking.then(onTaken, fail);
      } catch (error) {
        fail(error);
      }
    };
    const onTaken = () => {
      taking = undefined;
      // Calls `onData` with all bytes that have arrived meanwhile as one piece, however small the chunks were.
      if (!isOver) request.read();
      resumeOrFinish();
    };
    const resumeOrFinish = () => {
      if (isOver || taking !== undefined) return;
      if (hasEnded) finish();
      else request.resume();
    };
    request.on("data", onData).on("error", fail).on("end", onEnd);
    whenTooManyPieces(request, () => fail(tooSmall()));
  });
}

const tooSlow = (minBytesPerSecond: number): Refusal =>
  new Refusal(
    "REQUEST_TIMEOUT",
    `the body must arrive with at least ${minBytesPerSecond} bytes a second: send it faster, or send smaller batches`,
    { headers: { Connection: "close" } },
  );

const tooSmall = (): Refusal =>
  new Refusal(
    "PAYLOAD_TOO_LARGE",
    `the body arrives in too many small pieces: its chunks must have at least ${MIN_BYTES_OF_PIECE} bytes on average`,
    { headers: { Connection: "close" } },
  );
