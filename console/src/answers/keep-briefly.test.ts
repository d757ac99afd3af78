import { describe, expect, it } from "@jest/globals";
import { createKeepBriefly } from "./keep-briefly.ts";

describe("what is kept briefly", () => {
  let nowMs = 0;
  let made = 0;
  const create = () => createKeepBriefly<{ number: number }>({ maxAgeMs: 1_000, now: () => nowMs });
  const make = () => Promise.resolve({ number: ++made });

  it("is made once for all who ask within its age, and again afterwards", async () => {
    const keep = create();
    const first = await keep("a", make);
    nowMs += 999;
    expect(await keep("a", make)).toBe(first);
    nowMs += 1;
    expect(await keep("a", make)).not.toBe(first);
  });

  it("is another one for each key", async () => {
    const keep = create();
    expect(await keep("a", make)).not.toBe(await keep("b", make));
  });

  it("is no failure", async () => {
    const keep = create();
    await expect(keep("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await keep("a", make)).toHaveProperty("number");
  });
});
