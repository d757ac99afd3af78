import { describe, expect, it } from "@jest/globals";
import { readAnswer, unanswered } from "./read-answer.ts";

describe("readAnswer", () => {
  it("accepts all events of a 202 that it does not list", () => {
    expect(readAnswer({ status: 202, body: '{"status":"accepted","event_id":"x"}' }, 1).size).toBe(
      0,
    );
    const results = [
      { index: 1, status: "rejected", code: "OUT_OF_RANGE", field: "latency_ms" },
      { index: 4, status: "retry", code: "KAFKA_UNAVAILABLE" },
    ];
    expect([...readAnswer({ status: 202, body: JSON.stringify({ results }) }, 5)]).toEqual([
      [1, "rejected OUT_OF_RANGE"],
      [4, "retry KAFKA_UNAVAILABLE"],
    ]);
  });

  it("applies any other status to all events of the request", () => {
    const body = '{"code":"OVERLOADED"}';
    expect([...readAnswer({ status: 503, body }, 2).values()]).toEqual([
      "503 OVERLOADED",
      "503 OVERLOADED",
    ]);
    expect([...readAnswer({ status: 502, body: "<html>" }, 1).values()]).toEqual(["502"]);
  });
});

describe("unanswered", () => {
  it("names the error of the connection, also if two addresses were tried", () => {
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    expect(unanswered(refused, 1).get(0)).toBe("no answer (ECONNREFUSED)");
    expect(unanswered(new AggregateError([refused]), 1).get(0)).toBe("no answer (ECONNREFUSED)");
  });
});
