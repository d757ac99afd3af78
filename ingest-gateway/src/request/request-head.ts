import type { IncomingMessage } from "node:http";
import { Refusal } from "../answers/refusal.ts";
import { type BodyFormat, bodyFormatOf } from "./media-type.ts";

/** The fields of a request's headers that concern its events. */
export type RequestHead = {
  readonly format: BodyFormat;
  readonly batchId: string | undefined;
  readonly sourceRegion: string | null;
};

/** @throws {Refusal} UNSUPPORTED_MEDIA_TYPE, BAD_FORMAT, TOO_LONG */
export type ReadHead = (request: IncomingMessage, route: "push" | "ingest") => RequestHead;

export function createReadHead(options: {
  sourceRegionOf: (request: IncomingMessage) => string | null;
}): ReadHead {
  const { sourceRegionOf } = options;
  return (request, route) => ({
    format: bodyFormatOf(request, route),
    batchId: batchIdOf(request),
    sourceRegion: sourceRegionOf(request),
  });
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Returns the sender's id of its batch, if it sends one.
 * @throws {Refusal} BAD_FORMAT
 */
function batchIdOf(request: IncomingMessage): string | undefined {
  const given = request.headers["x-batch-id"];
  if (given === undefined) return undefined;
  if (typeof given === "string" && UUID.test(given)) return given.toLowerCase();
  const message = "X-Batch-ID must be a UUID, such as one of crypto.randomUUID()";
  throw new Refusal("BAD_FORMAT", message, {
    faults: [{ code: "BAD_FORMAT", field: "X-Batch-ID", message }],
  });
}
