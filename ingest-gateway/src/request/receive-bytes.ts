import type { Readable } from "node:stream";
import { Refusal } from "../answers/refusal.ts";
import { MIN_BYTES_OF_PIECE, whenTooManyPieces } from "@fiberstream/http/bound-pieces";

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
  options: { minBytesPerSecond: number; take: (piece: Buffer) => void },
): Promise<void> {
  const { minBytesPerSecond, take } = options;
  return new Promise((resolve, reject) => {
    let receivedBytes = 0;
    // Counted, not timed: while this process is paused nobody is slow.
    let seconds = 0;
    const checks = setInterval(() => {
      seconds++;
      const isSlow = receivedBytes < minBytesPerSecond * seconds;
      if (seconds > GRACE_SECONDS && isSlow) fail(tooSlow(minBytesPerSecond));
    }, CHECK_MS);

    const settle = () => {
      clearInterval(checks);
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
        take(piece);
      } catch (error) {
        fail(error);
      }
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
