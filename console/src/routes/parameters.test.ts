import { describe, expect, it } from "@jest/globals";
import { asWritten, nodeId, time, wholeNumber } from "./parameters.ts";

describe("the parameters of a cursor's question", () => {
  it("have an age as it was written, so that the next page is of the same question a second later", () => {
    const query = { node: "acc-1", from: time().parse("-6h"), to: undefined, limit: 3 };
    expect(asWritten(query)).toEqual({ node: "acc-1", from: "-6h", to: undefined, limit: 3 });
  });
});

describe("a whole number of a query", () => {
  const number = wholeNumber({ min: 0, max: 1_000, standard: 100 });

  it("is written with digits", () => {
    expect(number.parse("10")).toBe(10);
    expect(number.parse(undefined)).toBe(100);
  });

  it.each(["", " ", " 5", "0x10", "1e2", "1.0", "+5", "1001", "-1", "9".repeat(40)])(
    "refuses %j, which Number() may take",
    (text) => {
      expect(number.safeParse(text).success).toBe(false);
    },
  );
});

describe("the id of a node", () => {
  it("has 1 to 50 characters and no NUL", () => {
    expect(nodeId.safeParse("probe-ä 1").success).toBe(true);
    for (const bad of ["", "x".repeat(51), "a\0b"]) {
      expect(nodeId.safeParse(bad).success).toBe(false);
    }
  });
});
