import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

export type BodyFormat = "json" | "ndjson";

const FORMATS: ReadonlyMap<string, BodyFormat> = new Map([
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
]);

/**
 * How the body is written, by its Content-Type; JSON when there is none.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE
 */
export function bodyFormatOf(request: IncomingMessage, route: "push" | "ingest"): BodyFormat {
  const contentType = request.headers["content-type"] ?? "application/json";
  if (contentType === "application/json") return "json";
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  const format = FORMATS.get(type.trim());
  const isReadable = format === "json" || (format === "ndjson" && route === "ingest");
  if (!isReadable) {
    const allowed =
      route === "push" ? "application/json" : "application/json or application/x-ndjson";
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", `Content-Type must be ${allowed}`, {
      headers: { Accept: allowed.replace(" or ", ", ") },
    });
  }
  const charset = parameters.find((parameter) => parameter.trim().startsWith("charset="));
  if (charset !== undefined && !/charset="?(utf-8|utf8|us-ascii)"?\s*$/.test(charset)) {
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", "charset must be utf-8, JSON has no other");
  }
  return format;
}
