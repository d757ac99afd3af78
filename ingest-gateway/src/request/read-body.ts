import type { IncomingMessage } from "node:http";
import type { Lease } from "../admission/in-flight-budget.ts";
import { LIMITS } from "../answers/limits.ts";
import { Refusal } from "../answers/refusal.ts";
import { bodyEncodingOf } from "./body-encoding.ts";
import { createGrowingBody } from "./growing-body.ts";
import { receiveBytes } from "./receive-bytes.ts";
import type { BatchScan } from "./scan-batch.ts";
import { createUnpack } from "./unpack-body.ts";

/** The sender has disconnected before the end of its request. */
export class SenderGoneError extends Error {
  override readonly name = "SenderGoneError";
}

export type ReadBodyOptions = {
  readonly limitBytes: number;
  readonly lease: Lease;
  /** Sends "100 Continue" to a sender that waits for it. */
  readonly askForBody: () => void;
  /** Scans each decompressed piece before it is stored; what it throws refuses the body. Its memory counts for the lease. */
  readonly scan?: Pick<BatchScan, "scan" | "heldBytes"> | undefined;
  /**
   * Called with the number of bytes by now, received or decompressed, whichever is more, and the number of compressed
   * streams; what it throws refuses the body.
   */
  readonly onArrival: (bytes: number, streams: number) => void;
  readonly minBytesPerSecond: number;
};

/**
 * Reads the whole body and decompresses it. Its size is checked by Content-Length before anything is read, and for each
 * piece while it is read and decompressed. Memory is leased for bytes that have arrived, not for the declared size.
 *
 * @throws {Refusal} PAYLOAD_TOO_LARGE, OVERLOADED, RATE_LIMITED, UNSUPPORTED_MEDIA_TYPE, BAD_ENCODING,
 *   REQUEST_TIMEOUT, what `onArrival` throws; the request's own error if the sender has disconnected
 */
export async function readBody(
  request: IncomingMessage,
  options: ReadBodyOptions,
): Promise<Buffer> {
  const { limitBytes, lease, scan, onArrival, minBytesPerSecond } = options;
  // A request that is destroyed already emits no error any more.
  if (request.destroyed) throw new SenderGoneError("the sender has disconnected");
  const declaredBytes = Number(request.headers["content-length"] ?? 0);
  if (declaredBytes > limitBytes) throw tooLarge(limitBytes);
  const encoding = bodyEncodingOf(request);
  options.askForBody();

  let receivedBytes = 0;
  let streams = 0;
  const scanBytes = () => scan?.heldBytes() ?? 0;
  const hold = (bytes: number) =>
    lease.hold(bytes + (encoding?.heldBytes(bytes) ?? 0) + scanBytes());
  const isLengthKnown = encoding === undefined && declaredBytes > 0;
  const body = createGrowingBody({ limitBytes: isLengthKnown ? declaredBytes : limitBytes, hold });
  const store = (piece: Buffer) => {
    const bytes = body.bytes() + piece.length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    if (bytes > LIMITS.expansionFreeBytes && bytes > receivedBytes * LIMITS.expansionRatio) {
      throw expandsTooMuch();
    }
    if (bytes > receivedBytes) onArrival(bytes, streams);
    scan?.scan(piece);
    body.add(piece);
    hold(body.heldBytes());
  };
  const onStream = () => onArrival(Math.max(receivedBytes, body.bytes()), ++streams);
  const unpack =
    encoding === undefined ? undefined : createUnpack(encoding, { onStream, onUnpacked: store });
  try {
    await receiveBytes(request, {
      minBytesPerSecond,
      take: (piece) => {
        receivedBytes += piece.length;
        // Otherwise empty members of gzip could be sent for ever.
        if (receivedBytes > limitBytes) throw tooLarge(limitBytes);
        onArrival(Math.max(receivedBytes, body.bytes()), streams);
        if (unpack === undefined) return store(piece);
        if (receivedBytes === piece.length) hold(0);
        return unpack.take(piece);
      },
    });
    await unpack?.end();
    lease.hold(body.heldBytes() + scanBytes());
    return body.whole();
  } finally {
    unpack?.drop();
    // The rest of a refused body is read and dropped, so that the sender gets to read the answer.
    request.resume();
  }
}

const tooLarge = (limitBytes: number): Refusal =>
  new Refusal(
    "PAYLOAD_TOO_LARGE",
    `the body must be at most ${limitBytes} bytes after decompression: send fewer events or less metadata`,
  );

const expandsTooMuch = (): Refusal =>
  new Refusal(
    "PAYLOAD_TOO_LARGE",
    `the body must decompress to at most ${LIMITS.expansionRatio} times its size: compress it less`,
  );
