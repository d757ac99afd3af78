import type { IncomingMessage } from "node:http";
import { Refusal } from "../answers/refusal.ts";
import { shown } from "@fiberstream/event-rules/shown-value";

export type BodyFormat = "json" | "ndjson";

const FORMATS: ReadonlyMap<string, BodyFormat> = new Map([
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
]);

/**
 * Returns the format of the body, by its Content-Type. Other types, and none, are refused, because any web page can send
 * them: a browser sends a preflight only for types that no form has.
 * @throws {Refusal} UNSUPPORTED_MEDIA_TYPE
 */
export function bodyFormatOf(request: IncomingMessage, route: "push" | "ingest"): BodyFormat {
  const contentType = request.headers["content-type"] ?? "";
  if (contentType === "application/json") return "json";
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  const format = FORMATS.get(type.trim());
  const isReadable = format === "json" || (format === "ndjson" && route === "ingest");
  if (!isReadable) {
    const allowed =
      route === "push" ? "application/json" : "application/json or application/x-ndjson";
    const got = contentType === "" ? "none" : shown(contentType);
    const detail = `Content-Type must be ${allowed}, got ${got}: with curl, -H 'Content-Type: application/json'`;
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", detail, {
      headers: { Accept: allowed.replace(" or ", ", ") },
    });
  }
  const charset = parameters.find((parameter) => parameter.trim().startsWith("charset="));
  if (charset !== undefined && !/charset="?(utf-8|utf8|us-ascii)"?\s*$/.test(charset)) {
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", "charset must be utf-8, the only one for JSON");
  }
  return format;
}
