import { describe, expect, it } from "@jest/globals";
import { jsonAnswer } from "./answer.ts";
import { createKeptAnswers } from "./kept-answers.ts";

describe("kept answers", () => {
  let nowMs = 0;
  const create = () => createKeptAnswers({ now: () => nowMs });
  const bodyOf = (answer: ReturnType<ReturnType<typeof create>["find"]>) => answer?.body.toString();

  it("are given again a hundred times as long as they took, with their age and one ETag", () => {
    const { find, keep } = create();
    keep("a", jsonAnswer(200, { number: 1 }), 20);
    nowMs += 1_999;
    expect(bodyOf(find("a"))).toBe('{"number":1}');
    expect(find("a")?.headers).toMatchObject({ Age: "2", ETag: expect.stringMatching(/^".+"$/) });
    nowMs += 1;
    expect(find("a")).toBeUndefined();
  });

  it("are at most 5 s old, however long they took", () => {
    const { find, keep } = create();
    keep("a", jsonAnswer(200, {}), 4_000);
    nowMs += 4_999;
    expect(find("a")).toBeDefined();
    nowMs += 1;
    expect(find("a")).toBeUndefined();
  });

  it("are of one question, and no refusals", () => {
    const { find, keep } = create();
    keep("a", jsonAnswer(200, {}), 20);
    keep("b", jsonAnswer(503, {}), 20);
    expect(find("b")).toBeUndefined();
  });

  it("take 64 MB at most, and a large one is not kept", () => {
    const { find, keep } = create();
    const answer = (bytes: number) => ({
      status: 200,
      contentType: "text/plain",
      body: Buffer.alloc(bytes),
    });
    keep("large", answer(9_000_000), 20);
    expect(find("large")).toBeUndefined();
    for (let at = 0; at < 20; at++) keep(`${at}`, answer(4_000_000), 20);
    const left = Array.from({ length: 20 }, (_, at) => find(`${at}`)).filter(Boolean);
    expect(left).toHaveLength(16);
  });
});
