import { describe, expect, it } from "@jest/globals";
import { createPasswords, passwordFault } from "./passwords.ts";

describe("a password", () => {
  it.each([
    ["too short", "ein kurzes!", "at least 12"],
    ["too long", "x1".repeat(150), "at most 200"],
    ["among the commonest", "PasswordPassword", "commonest"],
    ["one piece again and again", "abc1abc1abc1abc1", "again and again"],
    ["one character", "aaaaaaaaaaaaaaaa", "again and again"],
    ["a run of the alphabet", "abcdefghijklmnop", "run"],
    ["a run of the keyboard, backwards", "lkjhgfdsapoiuy", "run"],
    ["digits in order", "345678901234567", "run"],
    ["little more than the name", "ada.lovelace1!", "your name"],
    ["little more than the system", "fiberstream12", "your name"],
  ])("that is %s may not be chosen", (_, password, fault) => {
    expect(passwordFault(password, "ada.lovelace")).toContain(fault);
  });

  it.each([
    "correct staple battery",
    "sieben Äpfel im Korb",
    "密码密码一二三四五六七八九十",
    "tr0ub4dor&3-tr0ubles",
  ])("may be chosen: %s", (password) => {
    expect(passwordFault(password, "ada")).toBeUndefined();
  });

  it("is the one that was hashed, however its characters are encoded; each hash has a salt of its own", async () => {
    const { inTurn } = createPasswords();
    await inTurn("here", async ({ hash, matches }) => {
      const [one, other] = [
        await hash("caf\u00e9 au lait, bitte"),
        await hash("caf\u00e9 au lait, bitte"),
      ];
      expect(one).not.toBe(other);
      expect(await matches("cafe\u0301 au lait, bitte", one)).toBe(true);
      expect(await matches("cafe au lait, bitte", one)).toBe(false);
      expect(await matches("", null)).toBe(false);
    });
  });

  it("is hashed with others of its address one after the other, and refused when too many wait", async () => {
    const { inTurn } = createPasswords();
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = Array.from({ length: 4 }, () => inTurn("a", () => promise));
    await expect(inTurn("a", async () => undefined)).rejects.toMatchObject({ code: "OVERLOADED" });
    // Another address has its turn meanwhile.
    expect(await inTurn("b", async () => "b")).toBe("b");
    resolve();
    await Promise.all(running);
  });
});
