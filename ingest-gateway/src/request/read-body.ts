import type { IncomingMessage } from "node:http";
import type { Lease } from "../admission/in-flight-budget.ts";
import { LIMITS } from "../answers/limits.ts";
import { Refusal } from "../answers/refusal.ts";
import { type BodyEncoding, bodyEncodingOf } from "./body-encoding.ts";
import { createGrowingBody } from "./growing-body.ts";
import { receiveBytes } from "./receive-bytes.ts";
import type { BatchScan } from "./scan-batch.ts";
import { unpackBody } from "./unpack-body.ts";

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
 * Reads the whole body, then decompresses it: a decoder holds up to 0.8 MB, and a sender that pauses would hold it for
 * as long as its request may last. The body's size is checked by Content-Length before anything is read, and for each
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

  const hold = (bytes: number) => lease.hold(bytes + (scan?.heldBytes() ?? 0));
  const received = createGrowingBody({ limitBytes: declaredBytes || limitBytes, hold });
  try {
    await receiveBytes(request, {
      minBytesPerSecond,
      take: (piece) => {
        const bytes = received.bytes() + piece.length;
        if (bytes > limitBytes) throw tooLarge(limitBytes);
        onArrival(bytes, 0);
        if (encoding === undefined) scan?.scan(piece);
        received.add(piece);
        hold(received.heldBytes());
      },
    });
    return encoding === undefined
      ? received.whole()
      : await unpacked(received.whole(), encoding, options);
  } finally {
    // The rest of a refused body is read and dropped, so that the sender gets to read the answer.
    request.resume();
  }
}

/** Decompresses a body that has arrived. */
async function unpacked(
  packed: Buffer,
  encoding: BodyEncoding,
  { limitBytes, lease, scan, onArrival }: ReadBodyOptions,
): Promise<Buffer> {
  let streams = 0;
  const scanBytes = () => scan?.heldBytes() ?? 0;
  const hold = (bytes: number) =>
    lease.hold(packed.buffer.byteLength + encoding.heldBytes(bytes) + bytes + scanBytes());
  const body = createGrowingBody({ limitBytes, hold });
  const onUnpacked = (piece: Buffer) => {
    const bytes = body.bytes() + piece.length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    if (bytes > LIMITS.expansionFreeBytes && bytes > packed.length * LIMITS.expansionRatio) {
      throw expandsTooMuch();
    }
    if (bytes > packed.length) onArrival(bytes, streams);
    scan?.scan(piece);
    body.add(piece);
    hold(body.heldBytes());
  };
  const onStream = () => onArrival(Math.max(packed.length, body.bytes()), ++streams);
  hold(0);
  await unpackBody(packed, encoding, { onStream, onUnpacked });
  lease.hold(body.heldBytes() + scanBytes());
  return body.whole();
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
