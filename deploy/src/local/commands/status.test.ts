import { describe, expect, it } from "@jest/globals";
import { describeRun } from "../supervision/describe-run.ts";
import { duration } from "./status.ts";
import { renderTable } from "@fiberstream/terminal/table";

describe("the status table", () => {
  it("has columns as wide as their widest cell", () => {
    expect(
      renderTable([
        ["NAME", "PID"],
        ["sink-writer", "7"],
      ]),
    ).toBe("NAME         PID\nsink-writer  7");
  });

  it.each([
    [42_000, "42 s"],
    [17 * 60_000, "17 min"],
    [303 * 60_000, "5 h 3 min"],
  ])("shows %d ms as %s", (ms, shown) => {
    expect(duration(ms)).toBe(shown);
  });
});

describe("describeRun", () => {
  const run = {
    supervisor: { pid: 7, startedTicks: "1", bootId: "b" },
    startedAt: new Date().toISOString(),
    url: "http://127.0.0.1:8000",
    processes: [],
  };

  it("shows since when it runs, and its address", () => {
    expect(describeRun({ ...run, state: "ready" }, 7)).toMatch(
      /^FiberStream has been running since \d\d:\d\d:\d\d \(PID 7\): http:\/\/127.0.0.1:8000. Stop it with npm stop/,
    );
  });

  it("distinguishes a start and a stop that are in progress from the lock of another command", () => {
    expect(describeRun({ ...run, state: "starting" }, 7)).toContain("is being started");
    expect(describeRun({ ...run, state: "stopping" }, 7)).toContain("is being stopped");
    expect(describeRun(undefined, 7)).toContain("another command (PID 7)");
  });
});
