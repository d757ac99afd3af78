import { randomBytes } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { isKeyIdOf, newKeyId } from "./key-ids.ts";

const secret = randomBytes(32);

describe("key ids", () => {
  it("are recognized with the secret that they were created with, and with no other", () => {
    for (let number = 0; number < 100; number++) {
      const keyId = newKeyId(secret);
      expect(keyId).toMatch(/^[2-9a-z]{25}$/);
      expect(isKeyIdOf(secret, keyId)).toBe(true);
      expect(isKeyIdOf(randomBytes(32), keyId)).toBe(false);
    }
  });

  it("are not recognized with one character changed, omitted or added", () => {
    const keyId = newKeyId(secret);
    for (let at = 0; at < keyId.length; at++) {
      const other = keyId[at] === "x" ? "y" : "x";
      expect(isKeyIdOf(secret, keyId.slice(0, at) + other + keyId.slice(at + 1))).toBe(false);
      expect(isKeyIdOf(secret, keyId.slice(0, at) + keyId.slice(at + 1))).toBe(false);
    }
    expect(isKeyIdOf(secret, `${keyId}2`)).toBe(false);
    expect(isKeyIdOf(secret, `${keyId.slice(0, -1)}ü`)).toBe(false);
    expect(isKeyIdOf(secret, "zzzzzzzz2345")).toBe(false);
  });
});
