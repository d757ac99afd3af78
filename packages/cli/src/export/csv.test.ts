import { describe, expect, it } from "@jest/globals";
import { stringifyCsv } from "./csv.ts";

const escapeFormulas = true;

describe("CSV", () => {
  it("tells what is not there from an empty text", () => {
    const row = ["a", null, "", 0, false, "x"];
    expect(stringifyCsv([row], { escapeFormulas: false })).toBe('a,,"",0,false,x\n');
    expect(stringifyCsv([row], { escapeFormulas })).toBe('a,,"",0,false,x\n');
  });

  it("keeps a text as it was sent, or makes a formula of it a text when it is told to", () => {
    const row = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", -1.5, 'a "quoted", b'];
    expect(stringifyCsv([row], { escapeFormulas: false })).toBe(
      `=cmd|' /C calc'!A0,+1,-1,@SUM(A1),\t=1,-1.5,"a ""quoted"", b"\n`,
    );
    expect(stringifyCsv([row], { escapeFormulas })).toBe(
      `'=cmd|' /C calc'!A0,'+1,'-1,'@SUM(A1),'\t=1,-1.5,"a ""quoted"", b"\n`,
    );
  });
});
