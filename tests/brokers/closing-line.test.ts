import { expect, it } from "@jest/globals";
import { createLineReader } from "./closing-line.ts";

it("finds the closing line, however it is split into chunks, and no similar line", () => {
  const reader = createLineReader();
  expect(reader.last()).toBeUndefined();
  for (const piece of ["Tests: 3 passed, 0 failed\n\n13", "0 passed,", " 1 failed\n", "after"]) {
    reader.read(piece);
  }
  expect(reader.last()).toBe("130 passed, 1 failed");
});
