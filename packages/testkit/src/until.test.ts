import { describe, expect, it } from "@jest/globals";
import { until } from "./until.ts";

describe("until", () => {
  it("gives what the fact gives as soon as it is truthy", async () => {
    const answers = [undefined, 0, "there"];
    expect(await until(() => answers.shift(), { what: "an answer" })).toBe("there");
  });

  it("takes a look that throws for not yet", async () => {
    let looks = 0;
    const fact = async () => {
      if (++looks < 3) throw new Error("connection refused");
      return looks;
    };
    expect(await until(fact, { what: "an answer" })).toBe(3);
  });

  it("says what never came and what was seen last", async () => {
    const never = until(() => false, { what: "the row is there", timeoutMs: 0 });
    await expect(never).rejects.toThrow(
      "waited 0 s in vain: the row is there (the last time it was false)",
    );
    const failing = until(() => Promise.reject(new Error("refused")), { what: "x", timeoutMs: 0 });
    await expect(failing).rejects.toThrow("it threw: refused");
  });
});
