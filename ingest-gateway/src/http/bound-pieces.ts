import type { Readable } from "node:stream";

/** A chunk of one byte is as much work for Node as a large one: 350 KB of them took a second of CPU. */
export const MIN_BYTES_OF_PIECE = 64;
/** So many pieces may have any size: a packet may be small. */
const FREE_PIECES = 1_000;
/** Nobody reads the pieces of a request that waits in line, and each piece holds 0.5 KB, however small it is. */
const FREE_PIECES_WAITING = 64;

type Pieces = { isTooMany: boolean; onTooMany: () => void };
const piecesOf = new WeakMap<Readable, Pieces>();

/**
 * Bounds the small pieces (chunks or packets) of a body where the parser hands them over, whoever reads them and whenever
 * that begins: the parser hands over all chunks of one read of the connection at once, up to 11,000, and libuv reads up to
 * 32 times in a row, unless it is told to stop. The pieces past the bound are dropped, and the connection is not read any
 * more. `writeAnswer` then closes it, because the body has not been read to its end.
 *
 * @param options.isWaiting whether the request waits for those before it on its connection. If it does, the connection is
 *   closed without an answer.
 */
export function boundPieces(request: Readable, options: { isWaiting: () => boolean }): void {
  const pieces: Pieces = { isTooMany: false, onTooMany: () => undefined };
  piecesOf.set(request, pieces);
  let count = 0;
  let bytes = 0;
  const push = request.push.bind(request);
  request.push = (piece: Buffer | null, encoding) => {
    if (piece === null) return push(piece, encoding);
    if (pieces.isTooMany) return false;
    count++;
    bytes += piece.length;
    const isAllowed =
      count * MIN_BYTES_OF_PIECE <= bytes ||
      count <= FREE_PIECES_WAITING ||
      (count <= FREE_PIECES && !options.isWaiting());
    if (isAllowed) return push(piece, encoding);
    pieces.isTooMany = true;
    if (options.isWaiting()) request.destroy();
    else pieces.onTooMany();
    return false;
  };
}

/** Calls `onTooMany` when the request's small pieces are too many, at once if they already are. */
export function whenTooManyPieces(request: Readable, onTooMany: () => void): void {
  const pieces = piecesOf.get(request);
  if (pieces === undefined) return;
  if (pieces.isTooMany) onTooMany();
  else pieces.onTooMany = onTooMany;
}
