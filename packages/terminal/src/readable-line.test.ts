import { describe, expect, it } from "@jest/globals";
import { readableLine } from "./readable-line.ts";

describe("readableLine", () => {
  it("shows time, level, message and the other fields", () => {
    const line = JSON.stringify({
      "log.level": "warn",
      "@timestamp": "2026-11-24T18:40:51.302Z",
      "process.pid": 5650,
      "ecs.version": "8.10.0",
      "service.name": "sink-writer",
      partition: 3,
      reason: "connection refused",
      message: "dependency unavailable, retrying",
    });
    expect(readableLine(line)).toBe(
      "18:40:51.302 WARN  dependency unavailable, retrying partition=3 reason=connection refused",
    );
  });

  it.each(["Error: at start", "{ half", "null", "7"])("does not change %s", (line) => {
    expect(readableLine(line)).toBe(line);
  });
});
