import { describe, expect, it } from "@jest/globals";
import { until } from "./until.ts";

describe("until", () => {
  it("returns the value of the condition as soon as it is truthy", async () => {
    const answers = [undefined, 0, "there"];
    expect(await until(() => answers.shift(), { what: "an answer" })).toBe("there");
  });

  it("treats a condition that throws as not yet true", async () => {
    let looks = 0;
    const fact = async () => {
      if (++looks < 3) throw new Error("connection refused");
      return looks;
    };
    expect(await until(fact, { what: "an answer" })).toBe(3);
  });

  it("names the condition that did not become true, and its last value", async () => {
    const never = until(() => false, { what: "the row is there", timeoutMs: 0 });
    await expect(never).rejects.toThrow(
      "waited 0 s for: the row is there (the last time it was false)",
    );
    const failing = until(() => Promise.reject(new Error("refused")), { what: "x", timeoutMs: 0 });
    await expect(failing).rejects.toThrow("it threw: refused");
  });
});
