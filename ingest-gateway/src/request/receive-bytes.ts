import type { Readable } from "node:stream";
import { Refusal } from "../answers/refusal.ts";

/** How often it is looked whether a body still arrives. */
const LOOK_MS = 1_000;
/** For connections that begin slowly, and for bodies that come in few, far pieces. */
const GRACE_SECONDS = 5;
/** To Node a chunk of a byte is as much work as a large one: 350 KB of them were a second of CPU. */
const MIN_BYTES_OF_PIECE = 64;
/** Of which the size is not looked at: a packet may bring little. */
const FREE_PIECES = 1_000;

/**
 * Hands the bytes of a request on as they arrive, the next ones when those before have been taken.
 *
 * @param options.minBytesPerSecond that have to arrive on the average, after a grace of 5 seconds
 * @throws {Refusal} REQUEST_TIMEOUT where they do not; PAYLOAD_TOO_LARGE when they come in very many small pieces; what `take` throws; the request's own error when the
 *   sender has gone
 */
export function receiveBytes(
  request: Readable,
  options: { minBytesPerSecond: number; take: (piece: Buffer) => Promise<void> | void },
): Promise<void> {
  const { minBytesPerSecond, take } = options;
  return new Promise((resolve, reject) => {
    let receivedBytes = 0;
    let pieces = 0;
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
      request.off("data", onData).off("error", fail).off("end", onEnd);
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
    const onData = (piece: Buffer) => {
      receivedBytes += piece.length;
      pieces++;
      try {
        if (pieces > FREE_PIECES && pieces * MIN_BYTES_OF_PIECE > receivedBytes) {
          dropRest(request);
          throw tooSmall();
        }
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
      // Hands `onData` all that has come in meanwhile in one piece, however small its chunks were.
      if (!isOver) request.read();
      goOn();
    };
    const goOn = () => {
      if (isOver || taking !== undefined) return;
      if (hasEnded) finish();
      else request.resume();
    };
    request.on("data", onData).on("error", fail).on("end", onEnd);
  });
}

/**
 * Node's parser calls back for every chunk that it has read, up to 11,000 at once, and a stream without listeners schedules
 * a tick for each. This has them dropped at the parser, as Node does itself as soon as the answer is written: an honest
 * probe beside four such senders waited 19 ms in the median instead of 1.2 s (`npm run bench:gateway -- --hostile`).
 */
function dropRest(request: Readable & { _dump?: () => void }): void {
  // eslint-disable-next-line no-underscore-dangle -- Node has no public name for it.
  request._dump?.();
}

const tooSlow = (minBytesPerSecond: number): Refusal =>
  new Refusal(
    "REQUEST_TIMEOUT",
    `the body must arrive with at least ${minBytesPerSecond} bytes a second: send it faster or in parts`,
    { headers: { Connection: "close" } },
  );

const tooSmall = (): Refusal =>
  new Refusal(
    "PAYLOAD_TOO_LARGE",
    `the body comes in too many pieces: its chunks must have ${MIN_BYTES_OF_PIECE} bytes on the average`,
    { headers: { Connection: "close" } },
  );
