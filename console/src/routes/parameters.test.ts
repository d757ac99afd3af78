import { describe, expect, it } from "@jest/globals";
import { asWritten, time } from "./parameters.ts";

describe("the parameters of a cursor's question", () => {
  it("have an age as it was written, so that the next page is of the same question a second later", () => {
    const query = { node: "acc-1", from: time().parse("-6h"), to: undefined, limit: 3 };
    expect(asWritten(query)).toEqual({ node: "acc-1", from: "-6h", to: undefined, limit: 3 });
  });
});
