import type { Recipe } from "./recipe.ts";
import { type RequestBytes, writtenBytesOf } from "./request-bytes.ts";
import type { HttpAnswer, Sent } from "./send-request.ts";

/** The documented codes of each status, by route. */
export type Documented = Readonly<Record<Recipe["path"], ReadonlyMap<number, ReadonlySet<string>>>>;

type Document = {
  paths: Record<string, { post: { responses: Record<string, { description: string }> } }>;
};

export async function readDocumented(url: string): Promise<Documented> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const of = (path: Recipe["path"]) =>
    new Map(
      Object.entries(document.paths[path]?.post.responses ?? {}).map(
        ([status, { description }]) => [
          Number(status),
          new Set(Array.from(description.matchAll(/`([A-Z_]+)`/g), ([, code = ""]) => code)),
        ],
      ),
    );
  return { "/api/push": of("/api/push"), "/api/ingest": of("/api/ingest") };
}

/** Returns what is wrong with the answers, as a sentence; undefined if they are correct. */
export function faultOf(
  recipe: Recipe,
  bytes: RequestBytes,
  { sent, documented }: { sent: Sent; documented: Documented },
): string | undefined {
  for (const answer of sent.answers) {
    const fault = faultOfAnswer(answer, documented[recipe.path]);
    if (fault !== undefined) return fault;
  }
  if (sent.rest !== "" && sent.end !== "left")
    return `an incomplete answer: ${JSON.stringify(sent.rest)}`;
  if (sent.end === "silent" && !isAllAnswered(recipe, bytes, sent))
    return `${sent.answers.length} of ${recipe.copies} answers, then nothing for 20 s`;
  const isUnanswered = sent.answers.length === 0 && sent.end === "closed" && sent.isWritten;
  // Node treats a sender that ends its half of the connection as disconnected.
  const isAnswerRequired =
    recipe.copies <= MAX_PIPELINED && recipe.framing.ending === "wait" && !waitsInPieces(recipe);
  if (isUnanswered && isAnswerRequired) return "closed without an answer";
  return isGood(recipe) ? faultOfGood(recipe, bytes, sent) : undefined;
}

/** Whether the copies were cut between two of them, and each before the cut has its answer: no further one is due. */
const isAllAnswered = (recipe: Recipe, bytes: RequestBytes, { answers }: Sent): boolean =>
  writtenBytesOf(recipe, bytes) === answers.length * (bytes.head.length + bytes.body.length);

/** Whether a request waits behind another one with a body in small chunks or packets: the gateway may close such a connection. */
const waitsInPieces = ({ copies, framing }: Recipe): boolean =>
  copies > 1 &&
  ((framing.kind === "chunked" && framing.chunkBytes < 64) || framing.pieceBytes < 64);

/** The limit of a request with a single event, before and after decompression. */
const EVENT_BYTES = 4_096;
/** The number of pipelined requests that the gateway accepts; it closes the connection after that. */
const MAX_PIPELINED = 100;

function faultOfAnswer(
  { status, headers, body }: HttpAnswer,
  documented: ReadonlyMap<number, ReadonlySet<string>>,
): string | undefined {
  const codes = documented.get(status);
  const shown = `${status} ${body.slice(0, 300)}`;
  if (status === 500 || codes === undefined) return `an unexpected status: ${shown}`;
  if (!headers.has("x-request-id")) return `X-Request-ID is missing: ${shown}`;
  let parsed: { status?: unknown; code?: unknown; detail?: unknown };
  try {
    parsed = JSON.parse(body) as typeof parsed;
  } catch {
    return `not JSON: ${shown}`;
  }
  const type = headers.get("content-type");
  if (status === 202) {
    const isRight = type === "application/json" && parsed.status === "accepted";
    return isRight ? undefined : `a 202 that differs from its documentation: ${shown}`;
  }
  const isProblem =
    type === "application/problem+json" &&
    parsed.status === status &&
    typeof parsed.detail === "string" &&
    codes.has(String(parsed.code));
  if (!isProblem) return `not a problem document with a documented code: ${shown}`;
  return headers.has("retry-after") || ![408, 409, 429, 503].includes(status) || status === 408
    ? undefined
    : `Retry-After is missing: ${shown}`;
}

/** Returns whether a request is correct, so that the gateway has to accept all its events. */
export function isGood(recipe: Recipe): boolean {
  const { content, encoding, framing, type, path } = recipe;
  const isPacked = encoding.packed !== "none";
  const mayHaveParts =
    encoding.packed === "gzip" || (encoding.packed === "zstd" && encoding.parts <= 100);
  return (
    content.kind === "events" &&
    content.count > 0 &&
    (content.others.length === 0 || path === "/api/push") &&
    (type === "" ||
      (type === "application/json" && (content.form !== "lines" || path === "/api/push"))) &&
    (recipe.damage.kind === "none" || recipe.damage.kind === "byte-order-mark") &&
    encoding.damage.kind === "none" &&
    encoding.left === "" &&
    encoding.times === 1 &&
    encoding.named === (isPacked ? encoding.packed : undefined) &&
    (encoding.parts === 1 || !isPacked || mayHaveParts) &&
    (framing.kind === "length" || framing.kind === "chunked") &&
    (framing.lie === 0 || framing.kind === "chunked") &&
    framing.written === 1 &&
    framing.ending === "wait" &&
    recipe.headers.length === 0 &&
    recipe.token === "good" &&
    recipe.copies <= MAX_PIPELINED &&
    !waitsInPieces(recipe)
  );
}

function faultOfGood(recipe: Recipe, bytes: RequestBytes, sent: Sent): string | undefined {
  const expected =
    recipe.path === "/api/push" ? 1 : recipe.content.kind === "events" ? recipe.content.count : 0;
  // Similar events may decompress to more than 200 times their size, which the gateway rejects.
  const isMuch = bytes.plainBytes > 256 * 1024 && bytes.plainBytes > 190 * bytes.packedBytes;
  // An event in a thousand gzip members is more packed than unpacked.
  const isPackedLarge = recipe.path === "/api/push" && bytes.packedBytes > EVENT_BYTES;
  const hasSmallChunks = recipe.framing.kind === "chunked" && recipe.framing.chunkBytes < 64;
  // The time limit of a request begins with its first byte, also while earlier ones are being answered.
  const mayTakeTooLong = recipe.framing.pauseMs > 0 || recipe.copies > 1;
  for (const { status, body } of sent.answers) {
    // The gateway may be full, and rejects those who send most.
    if (status === 429 || (status === 503 && body.includes("OVERLOADED"))) continue;
    if (status === 413 && (isMuch || isPackedLarge || hasSmallChunks)) continue;
    if (status === 408 && mayTakeTooLong) continue;
    const accepted = status === 202 ? acceptedOf(body) : 0;
    if (accepted !== expected) {
      return `${accepted} of ${expected} good events accepted: ${status} ${body.slice(0, 300)}`;
    }
  }
  const isClosed = sent.answers.at(-1)?.headers.get("connection") === "close";
  // A sender that is still writing small chunks may not see why the connection was closed.
  const mayBeCut = hasSmallChunks && sent.end === "closed";
  return sent.answers.length < recipe.copies && !isClosed && !mayBeCut
    ? `${sent.answers.length} of ${recipe.copies} answers`
    : undefined;
}

/** Returns the number of accepted events in a 202. */
export function acceptedOf(body: string): number {
  const { data } = JSON.parse(body) as { data?: { accepted: number } };
  return data?.accepted ?? 1;
}
