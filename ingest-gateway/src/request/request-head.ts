import type { IncomingMessage } from "node:http";
import { batchIdOf } from "./batch-id.ts";
import { type BodyFormat, bodyFormatOf } from "./media-type.ts";

/** What a request's headers say about its events. */
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
