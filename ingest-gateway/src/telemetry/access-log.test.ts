import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { accessLineWriter, createAccessLog } from "./access-log.ts";

describe("the access log", () => {
  const lines: unknown[] = [];
  const begin = createAccessLog((fields, message) => lines.push([fields, message]));
  const request = { route: "ingest", requestId: "r-1" } as const;

  it("has one line for each request: the sender and the result", () => {
    const entry = begin(request);
    entry.sender({ id: "6k2m9x4q7w3z", tenant: "acme" });
    entry.events({ accepted: 498, rejected: 1, retry: 1 });
    entry.end(202, 12.3456, undefined);
    const refused = begin({ ...request, route: "push" });
    refused.end(401, 0.04, "4bf9");
    begin(request).end(undefined, 7, undefined);
    expect(lines).toEqual([
      [
        {
          requestId: "r-1",
          keyId: "6k2m9x4q7w3z",
          tenant: "acme",
          route: "ingest",
          status: 202,
          accepted: 498,
          rejected: 1,
          retry: 1,
          durationMs: 12.3,
        },
        "request answered",
      ],
      [
        { requestId: "r-1", route: "push", status: 401, durationMs: 0, "trace.id": "4bf9" },
        "request answered",
      ],
      [{ requestId: "r-1", route: "ingest", durationMs: 7 }, "sender disconnected"],
    ]);
  });

  it("builds no line if it would not be logged", () => {
    const log = createLog({ service: "test", level: "info", format: "json" });
    expect(accessLineWriter(log, "off")).toBeUndefined();
    expect(accessLineWriter(log, "debug")).toBeUndefined();
    expect(accessLineWriter(log, "info")).toBeDefined();
    const off = createAccessLog(undefined);
    expect(off(request)).toBe(off({ ...request, requestId: "r-2" }));
  });
});
