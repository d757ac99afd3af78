import type { IncomingMessage } from "node:http";
import type { Lease } from "../admission/in-flight-budget.ts";
import { LIMITS } from "../answers/limits.ts";
import { Refusal } from "../answers/refusal.ts";
import { bodyEncodingOf } from "./body-encoding.ts";
import { createGrowingBody } from "./growing-body.ts";
import { receiveBytes } from "./receive-bytes.ts";
import type { BatchScan } from "./scan-batch.ts";
import { createUnpack } from "./unpack-body.ts";

/** The connection has ended before the request has. */
export class SenderGoneError extends Error {
  override readonly name = "SenderGoneError";
}

export type ReadBodyOptions = {
  readonly limitBytes: number;
  readonly lease: Lease;
  /** Sends "100 Continue" to a sender that waits for it. */
  readonly askForBody: () => void;
  /** Looks at each piece, unpacked, before it is kept; what it throws refuses the body. The lease holds what it holds, too. */
  readonly scan?: Pick<BatchScan, "look" | "heldBytes"> | undefined;
  /**
   * Told how much has come by now, as it came or unpacked, whichever is more, and in how many compressed streams;
   * what it throws refuses the body.
   */
  readonly onArrival: (bytes: number, streams: number) => void;
  readonly minBytesPerSecond: number;
};

/**
 * The whole body, unpacked. Its size is checked by Content-Length before anything is read, and piece by
 * piece while it is read and unpacked, as is what the scan sees. Room is taken for what has arrived, not for
 * what is announced.
 *
 * @throws {Refusal} PAYLOAD_TOO_LARGE, OVERLOADED, RATE_LIMITED, UNSUPPORTED_MEDIA_TYPE, BAD_ENCODING,
 *   REQUEST_TIMEOUT, what `onArrival` throws; the request's own error when the sender has gone
 */
export async function readBody(
  request: IncomingMessage,
  options: ReadBodyOptions,
): Promise<Buffer> {
  const { limitBytes, lease, scan, onArrival, minBytesPerSecond } = options;
  // One that has gone before we listen tells of no error any more.
  if (request.destroyed) throw new SenderGoneError("the sender has gone");
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
  const keep = (piece: Buffer) => {
    const bytes = body.bytes() + piece.length;
    if (bytes > limitBytes) throw tooLarge(limitBytes);
    if (bytes > LIMITS.expansionFreeBytes && bytes > receivedBytes * LIMITS.expansionRatio) {
      throw expandsTooMuch();
    }
    if (bytes > receivedBytes) onArrival(bytes, streams);
    scan?.look(piece);
    body.add(piece);
    hold(body.heldBytes());
  };
  const onStream = () => onArrival(Math.max(receivedBytes, body.bytes()), ++streams);
  const unpack =
    encoding === undefined ? undefined : createUnpack(encoding, { onStream, onUnpacked: keep });
  try {
    await receiveBytes(request, {
      minBytesPerSecond,
      take: (piece) => {
        receivedBytes += piece.length;
        // Empty members of gzip would go on for ever.
        if (receivedBytes > limitBytes) throw tooLarge(limitBytes);
        onArrival(Math.max(receivedBytes, body.bytes()), streams);
        if (unpack === undefined) return keep(piece);
        if (receivedBytes === piece.length) hold(0);
        return unpack.take(piece);
      },
    });
    await unpack?.end();
    lease.hold(body.heldBytes() + scanBytes());
    return body.whole();
  } finally {
    unpack?.drop();
    // What is left of a refused body is read and dropped, so that the sender comes to read the answer.
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
    `the body must unpack to at most ${LIMITS.expansionRatio} times its size: send it less compressed`,
  );
