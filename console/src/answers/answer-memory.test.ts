import { describe, expect, it } from "@jest/globals";
import { createAnswerMemory, type MemoryLimit } from "./answer-memory.ts";

describe("the memory of answers", () => {
  const create = () => {
    const refused: MemoryLimit[] = [];
    const memory = createAnswerMemory({
      maxBytes: 100,
      maxBytesOfReader: 60,
      maxBytesOfAnswer: 40,
      countRefusal: (limit) => refused.push(limit),
    });
    return { memory, refused };
  };

  it("is limited for an answer, for a reader's answers, and for all", () => {
    const { memory, refused } = create();
    const first = memory.hold("a");
    first.grow(40);
    expect(() => first.grow(1)).toThrow(/more than 40 bytes/);
    const second = memory.hold("a");
    second.grow(20);
    expect(() => memory.hold("a").grow(1)).toThrow(/of this key .* take 60 bytes/);
    memory.hold("b").grow(40);
    expect(() => memory.hold("c").grow(1)).toThrow(/retry later/);
    expect(refused).toEqual(["answer", "reader", "all"]);
    expect(memory.bytes()).toBe(100);
  });

  it("is free again once the answer was received, and what was refused took none", () => {
    const { memory } = create();
    const hold = memory.hold("a");
    hold.grow(30);
    expect(() => hold.grow(30)).toThrow("bytes");
    expect(memory.bytes()).toBe(30);
    hold.release();
    hold.release();
    expect(memory.bytes()).toBe(0);
    memory.hold("a").grow(40);
  });
});
