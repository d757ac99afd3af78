import { describe, expect, it } from "@jest/globals";
import { stringifyCsv } from "./csv.ts";

const escapeFormulas = true;

describe("CSV", () => {
  it("writes null and an empty text differently", () => {
    const row = ["a", null, "", 0, false, "x"];
    expect(stringifyCsv([row], { escapeFormulas: false })).toBe('a,,"",0,false,x\n');
    expect(stringifyCsv([row], { escapeFormulas })).toBe('a,,"",0,false,x\n');
  });

  it("writes a text unchanged, or escapes formulas if required", () => {
    const row = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", -1.5, 'a "quoted", b'];
    expect(stringifyCsv([row], { escapeFormulas: false })).toBe(
      `=cmd|' /C calc'!A0,+1,-1,@SUM(A1),\t=1,-1.5,"a ""quoted"", b"\n`,
    );
    expect(stringifyCsv([row], { escapeFormulas })).toBe(
      `'=cmd|' /C calc'!A0,'+1,'-1,'@SUM(A1),'\t=1,-1.5,"a ""quoted"", b"\n`,
    );
  });
});
