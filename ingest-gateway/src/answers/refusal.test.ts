import { describe, expect, it } from "@jest/globals";
import { Refusal } from "./refusal.ts";

describe("a refusal", () => {
  it("has no stack, which would be most of its cost; other errors keep theirs", () => {
    const refusal = new Refusal("NOT_FOUND", "no such route");
    expect(refusal.stack).not.toContain("refusal.test.ts");
    expect(refusal).toMatchObject({ name: "Refusal", code: "NOT_FOUND", message: "no such route" });
    expect(new Error("other").stack).toContain("refusal.test.ts");
  });
});
