import { describe, expect, it } from "@jest/globals";
import { base32, newRecoveryCodes, recoveryHash, totpAt, totpStep, totpUrl } from "./totp.ts";

/** RFC 6238, appendix B; its codes have 8 digits, ours the last 6 of them. */
const SECRET = Buffer.from("12345678901234567890");

describe("one-time passwords", () => {
  it.each([
    [59, "287082"],
    [1_111_111_109, "081804"],
    [1_111_111_111, "050471"],
    [1_234_567_890, "005924"],
    [2_000_000_000, "279037"],
    [20_000_000_000, "353130"],
  ])("are those of RFC 6238 at %d s", (seconds, code) => {
    expect(totpAt(SECRET, Math.floor(seconds / 30))).toBe(code);
    expect(totpStep(SECRET, code, seconds * 1_000)).toBe(Math.floor(seconds / 30));
  });

  it("count 30 s before and after their time, and no longer", () => {
    const code = totpAt(SECRET, 100);
    const at = (step: number) => totpStep(SECRET, code, step * 30_000);
    expect([at(98), at(99), at(100), at(101), at(102)]).toEqual([
      undefined,
      100,
      100,
      100,
      undefined,
    ]);
    expect(totpStep(SECRET, "", 3_000_000)).toBeUndefined();
  });

  it("have a secret that apps can read", () => {
    expect(base32(SECRET)).toBe("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    expect(totpUrl(SECRET, "a&b@c")).toContain("totp/FiberStream:a%26b%40c?secret=GEZDG");
  });

  it("have recovery codes, which may be typed in any case", () => {
    const codes = newRecoveryCodes();
    expect(new Set(codes).size).toBe(10);
    const [code = ""] = codes;
    expect(code).toMatch(/^(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
    expect(recoveryHash(code.toLowerCase().replaceAll("-", " "))).toEqual(recoveryHash(code));
  });
});
