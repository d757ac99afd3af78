import { describe, expect, it } from "@jest/globals";
import { within } from "./within.ts";

const limit = { ms: 5, what: "Topics and schemas", advice: "Run npm start again" };

describe("within", () => {
  it("returns what the work returns, and throws what it throws", async () => {
    expect(await within(limit, Promise.resolve(7))).toBe(7);
    await expect(within(limit, Promise.reject(new Error("refused")))).rejects.toThrow("refused");
  });

  it("names the work that did not end, and what to do", async () => {
    await expect(within(limit, new Promise(() => undefined))).rejects.toThrow(
      "Topics and schemas did not end within 0.005 s. Run npm start again",
    );
  });
});
