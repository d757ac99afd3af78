import { describe, expect, it } from "@jest/globals";
import { problemAnswer, retryAfter } from "./answer.ts";
import { type Code, CODES, meaningOf } from "./codes.ts";
import { Refusal } from "./refusal.ts";

const codes = Object.keys(CODES) as Code[];
const secondsOf = (code: Code) =>
  Array.from({ length: 2_000 }, () => Number(retryAfter(code)["Retry-After"]));

describe("Retry-After", () => {
  it.each(codes.filter((code) => meaningOf(code).status === 503))(
    "is randomized over some seconds, so that senders do not all retry at once: %s",
    (code) => {
      const { retryAfterSeconds = 0, spreadSeconds = 0 } = meaningOf(code);
      expect(spreadSeconds).toBeGreaterThanOrEqual(2);
      const counts = Map.groupBy(secondsOf(code), (seconds) => seconds);
      const wanted = Array.from({ length: spreadSeconds + 1 }, (_, at) => retryAfterSeconds + at);
      expect([...counts.keys()].toSorted((one, other) => one - other)).toEqual(wanted);
      const most = Math.max(...[...counts.values()].map((each) => each.length));
      expect(most).toBeLessThan((2_000 / wanted.length) * 1.5);
    },
  );

  it("is not randomized if it is known when a retry makes sense", () => {
    expect(new Set(secondsOf("BATCH_IN_PROGRESS"))).toEqual(new Set([1]));
    const limited = new Refusal("RATE_LIMITED", "wait 6 s", { headers: { "Retry-After": "6" } });
    expect(problemAnswer(limited, "id").headers).toMatchObject({ "Retry-After": "6" });
  });

  it("is missing if no retry makes sense", () => {
    expect(retryAfter("TOO_OLD")).toEqual({});
  });
});
