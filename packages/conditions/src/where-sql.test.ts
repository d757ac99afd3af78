import { describe, expect, it } from "@jest/globals";
import { CONDITION_MAX_CHARACTERS, whereAsSql } from "./where-sql.ts";

const sqlOf = (text: string): string =>
  whereAsSql(text, {
    fields: { latency_ms: { sql: "metrics.latency_ms", kind: "number" } },
    parameter: () => "$1",
  });

describe("a condition as SQL", () => {
  it("is rejected when lists within lists make the SQL grow exponentially", () => {
    let text = "latency_ms";
    for (let level = 1; level <= 20; level++) {
      text = `(${text} in [1,1,1,1,1,1,1,1])`;
      if (level <= 2) expect(sqlOf(text).length).toBeLessThan(64 * CONDITION_MAX_CHARACTERS);
      else if (level >= 4) expect(() => sqlOf(text)).toThrow("the condition is too complex");
    }
  });

  it("is rejected when a long expression is compared with a long list", () => {
    const left = Array(150).fill("latency_ms").join("+");
    expect(() => sqlOf(`${left} in [${Array(150).fill(1).join()}]`)).toThrow("too complex");
  });

  it("may compare a field with as many values as the text can hold", () => {
    const list = Array(980).fill(1).join();
    expect(sqlOf(`latency_ms in [${list}]`)).toMatch(/metrics.latency_ms IS NOT DISTINCT FROM/);
  });
});
