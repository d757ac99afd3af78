import { describe, expect, it } from "@jest/globals";
import { readTraceparent, traceparentOf } from "./trace-context.ts";

const ID = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

describe("a traceparent", () => {
  it.each([`${ID}-01`, `${ID}-00`])("is read and written: %s", (text) => {
    const context = readTraceparent(text);
    expect(context && traceparentOf(context)).toBe(text);
  });

  it("is sampled if its lowest flag is set", () => {
    const isSampled = (flags: string) => readTraceparent(`${ID}-${flags}`)?.isSampled;
    expect(["00", "01", "02", "ff"].map(isSampled)).toEqual([false, true, false, true]);
  });

  it.each([
    "",
    "nonsense",
    ID,
    `${ID}-01-more`,
    `${ID}-1`,
    ID.replace("00-", "01-") + "-01",
    ID.toUpperCase() + "-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  ])("is ignored if it is %j", (text) => {
    expect(readTraceparent(text)).toBeUndefined();
  });
});
