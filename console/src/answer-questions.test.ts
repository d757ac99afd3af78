import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { OPEN_READER, type Reader } from "./access/reader.ts";
import { createTurns } from "./access/turns.ts";
import { createAnswerQuestion, type Request } from "./answer-questions.ts";
import { type Answer, jsonAnswer } from "./answers/answer.ts";
import { createAnswerMemory } from "./answers/answer-memory.ts";
import { route } from "./routes/route.ts";

const nothing = z.strictObject({});
const kept = route({
  method: "GET",
  path: "/kept",
  operationId: "kept",
  summary: "",
  permission: "metrics:read",
  cost: 1,
  isKept: true,
  schemas: { path: nothing, query: nothing },
  success: { status: 200, name: "Kept", schema: z.string() },
  codes: [],
  answer: async () => jsonAnswer(200, { text: "x".repeat(989) }),
});
const request: Request = {
  headers: {},
  address: "127.0.0.1",
  requestId: "1",
  path: {},
  query: {},
  readBody: async () => undefined,
  gone: new AbortController().signal,
  admitted: () => undefined,
};

const createMemory = (maxBytes: number) =>
  createAnswerMemory({
    maxBytes,
    maxBytesOfReader: maxBytes,
    maxBytesOfAnswer: maxBytes,
    countRefusal: () => undefined,
  });

/** Creates the path of questions that come from `reader`. */
function createPath(
  reader: Reader,
  {
    memory = createMemory(9_000),
    kept: answers = { find: () => undefined, keep: (_, answer) => answer },
  }: Partial<Pick<Parameters<typeof createAnswerQuestion>[0], "memory" | "kept">> = {},
) {
  const turns = createTurns({ atOnce: 1, maxWaiting: 0, maxPerReader: 1 });
  return createAnswerQuestion({
    authenticate: async () => reader,
    recordAttempt: () => undefined,
    countEndOfAccess: () => undefined,
    rateLimits: { charge: () => ({}) },
    turns,
    kafkaTurns: turns,
    memory,
    kept: answers,
    countShared: () => undefined,
  });
}

describe("an answer that may be used for an hour", () => {
  it("is asked for again by a browser, which several people use", async () => {
    const past = route({
      ...kept,
      schemas: { path: nothing, query: nothing },
      answer: async () => jsonAnswer(200, {}, { "Cache-Control": "private, max-age=3600" }),
    });
    const cachingOf = async (reader: Reader) =>
      (await createPath(reader)(past, request)).headers?.["Cache-Control"];
    expect(await cachingOf(OPEN_READER)).toBe("private, max-age=3600");
    expect(await cachingOf({ ...OPEN_READER, kind: "user" })).toBe("private, no-cache");
  });
});

describe("an answer that is given again", () => {
  it("counts as memory of each asker until that one has received it", async () => {
    const memory = createMemory(2_500);
    let known: Answer | undefined;
    const answerQuestion = createPath(OPEN_READER, {
      memory,
      kept: { find: () => known, keep: (_, answer) => (known = answer) },
    });
    const ask = async () => (await answerQuestion(kept, request)) as Answer;
    const [first, second] = [await ask(), await ask()];
    expect(memory.bytes()).toBe(2_000);
    await expect(ask()).rejects.toMatchObject({ code: "OVERLOADED" });
    first.received?.();
    expect(memory.bytes()).toBe(1_000);
    second.received?.();
    expect(memory.bytes()).toBe(0);
    await ask();
  });
});
